// The process that is ClickHouse: chdb's library runs the `clickhouse local` command line, which serves HTTP for as long
// as its one query reads from a pipe. The pipe is closed when our standard input ends; then the engine stops cleanly.
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
// CommonJS that exports by assignment, which ES module imports cannot see by name.
const { DataType, load, open } = require('ffi-rs')

const HOME = '/var/lib/clickhouse'
const library = require
  .resolve(`@chdb/lib-linux-${process.arch}-gnu/package.json`)
  .replace(/package\.json$/, 'libchdb.so')
const pipe = `${HOME}/alive.fifo`
// clickhouse-local keeps the system database in memory; folders of an earlier life would stand in its way.
rmSync(`${HOME}/data/data/system`, { recursive: true, force: true })
rmSync(pipe, { force: true })
execFileSync('mkfifo', ['-m', '600', pipe])
const writer = openSync(pipe, 'r+')
const query =
  `SYSTEM START LISTEN HTTP; SELECT count() FROM file('${pipe}', 'LineAsString', 's String') ` +
  'SETTINGS log_queries = 0, max_execution_time = 0 FORMAT Null'
const argv = ['clickhouse', '--config-file', '/etc/clickhouse-server/config.xml']
argv.push('--path', `${HOME}/data`, '--log-level=warning', '--multiquery', '--query', query)

open({ library: 'chdb', path: library })
load({
  library: 'chdb',
  funcName: 'query_stable_v2',
  retType: DataType.External,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [argv.length, argv],
  runInNewThread: true,
}).then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
process.stdin.on('end', () => closeSync(writer)).resume()
// The engine's thread does not keep Node's event loop alive; and the signal that stops the container is the gate's.
setInterval(() => undefined, 2 ** 30)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => undefined)
