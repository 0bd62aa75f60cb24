/**
 * The process that is ClickHouse. In: a folder with config.xml. Loads libchdb and runs the `clickhouse local` command
 * line in a thread of its own: it serves HTTP for as long as its one query reads from a pipe. That pipe is closed on
 * SIGTERM, and when our standard input ends because Headroom is gone; then the engine stops cleanly.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as Ffi from 'ffi-rs'

const STOP_WITHIN_MS = 20_000

// ffi-rs is CommonJS and exports by assignment, which ES module imports cannot see by name.
const { DataType, load, open } = createRequire(import.meta.url)('ffi-rs') as typeof Ffi

const [dir, library] = process.argv.slice(2)
if (dir === undefined || library === undefined) throw new Error('usage: child-main <dir> <libchdb>')

// clickhouse-local keeps the system database in memory; folders of an earlier life would stand in its way.
rmSync(join(dir, 'data', 'data', 'system'), { recursive: true, force: true })

const pipe = join(dir, 'alive.fifo')
rmSync(pipe, { force: true })
execFileSync('mkfifo', ['-m', '600', pipe])
// Opened for both, so that opening does not wait for a reader.
const writer = openSync(pipe, constants.O_RDWR)

const query = [
  'SYSTEM START LISTEN HTTP',
  `SELECT count() FROM file('${pipe.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}', 'LineAsString', 's String') ` +
    'SETTINGS log_queries = 0, max_execution_time = 0 FORMAT Null',
].join('; ')
const argv = [
  'clickhouse',
  ...['--config-file', join(dir, 'config.xml')],
  ...['--path', join(dir, 'data')],
  // `logger.level` of the configuration file is overridden by this option's own default, which is trace.
  ...['--log-level=warning', '--multiquery', '--query', query],
]

let stopping = false

open({ library: 'chdb', path: library })
load({
  library: 'chdb',
  funcName: 'query_stable_v2',
  retType: DataType.External,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [argv.length, argv],
  runInNewThread: true,
}).then(
  () => {
    if (!stopping) console.error('the engine ended by itself: its log above says why')
    process.exit(stopping ? 0 : 1)
  },
  (error: unknown) => {
    console.error(error)
    process.exit(2)
  },
)

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
process.stdin.on('end', stop).on('error', stop).resume()
// The engine's thread does not keep Node's event loop alive.
setInterval(() => undefined, 2 ** 30)

function stop(): void {
  if (stopping) return
  stopping = true
  closeSync(writer)
  // An engine that is still starting has not opened the pipe yet: give it a writer that goes away, until it noticed.
  setInterval(() => {
    try {
      closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK))
    } catch {
      // No reader yet, or none any more.
    }
  }, 100)
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), STOP_WITHIN_MS).unref()
}
