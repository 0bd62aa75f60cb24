import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { findProgram } from '../../src/engines/packages/program.ts'
import { liveDir } from '../../src/kit/guardian.ts'
import type { LiveRecord } from '../../src/kit/guardian.ts'
import { cleanLeftovers } from '../../src/kit/leftovers.ts'
import { compiledEntry, packageRoot } from '../../src/kit/paths.ts'
import { rowOf } from '../../src/kit/process-table.ts'
import { isReadableByAll } from '../fixtures/readable.ts'
import { segmentsOf } from '../../src/kit/shared-memory.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-orphans-'))
chmodSync(base, 0o755)
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

const SOMETHING = {
  postgres: 'CREATE TABLE a (x int)',
  clickhouse: 'CREATE TABLE a (x Int8) ENGINE = MergeTree ORDER BY x',
  redis: 'SET a 1',
  pgbouncer: 'SHOW POOLS',
}
/** PostgreSQL first: the pooler stands on it. */
const KINDS = ['postgres', 'clickhouse', 'redis', 'pgbouncer'].filter(
  (kind) =>
    (kind !== 'redis' && kind !== 'pgbouncer') ||
    findProgram(kind) !== null ||
    process.env['HEADROOM_REQUIRE_ALL'] !== undefined,
)
/** ClickHouse also sees its own pipe close, and may be gone before the guardian comes to it. */
const ended = (names: readonly string[] = []) =>
  names.filter((name) => name !== 'clickhouse').sort()

/** A Headroom that has started every engine that is here; it tells their pids and then only waits. */
const script = `
import { openLedger } from '${pathToFileURL(compiledEntry('src/kit/guardian.ts')).href}'
import { startEngine } from '${pathToFileURL(compiledEntry('src/engines/registry.ts')).href}'
const base = process.argv[2]
openLedger(base)
const pids = []
let upstream
for (const kind of ${JSON.stringify(KINDS)}) {
  const engine = await startEngine(kind, { provider: 'embedded', settings: {}, upstream }, {
    dataDir: base + '/data/' + kind, logDir: base + '/logs', name: kind, runId: 'orphans',
    signal: new AbortController().signal, log: () => undefined,
  })
  upstream ??= engine
  await engine.control.execute(${JSON.stringify(SOMETHING)}[kind], new AbortController().signal)
  pids.push(...engine.parts.flatMap((part) => part.pids()))
}
console.log(JSON.stringify(pids))
setInterval(() => undefined, 1000)
`

async function startParent(dir: string, identity: { uid?: number; gid?: number } = {}) {
  const file = join(base, 'parent.mjs')
  writeFileSync(file, script)
  const parent: ChildProcess = spawn(process.execPath, [file, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: '/',
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      HEADROOM_ENGINES_DIR: process.env['HEADROOM_ENGINES_DIR'],
    },
    ...identity,
  })
  if (parent.stdout === null) throw new Error('no stdout')
  const [line] = (await Promise.race([once(parent.stdout, 'data'), once(parent, 'exit')])) as [
    unknown,
  ]
  return { parent, pids: JSON.parse(String(line)) as number[] }
}

function ledgerOf(dir: string): LiveRecord {
  const [file = ''] = readdirSync(liveDir(dir))
  return JSON.parse(readFileSync(join(liveDir(dir), file), 'utf8')) as LiveRecord
}

const alive = (pids: readonly number[]) => pids.filter((pid) => rowOf(pid)?.zombie === false)

describe('a Headroom that is SIGKILLed with its engines running', () => {
  // In a folder that only root can read, PostgreSQL runs in a user namespace.
  it.each(['755', '700'])(
    'in a folder of mode %s takes every engine process along',
    async (mode) => {
      const dir = mkdtempSync(join(base, 'killed-'))
      chmodSync(dir, Number.parseInt(mode, 8))
      const { parent, pids } = await startParent(dir)
      expect(alive(pids).length).toBeGreaterThan(5)
      const shared = segmentsOf(pids)
      expect(shared.files.length).toBeGreaterThan(0)
      parent.kill('SIGKILL')
      await expect.poll(() => alive(pids), { timeout: 20_000, interval: 50 }).toEqual([])
      await expect
        .poll(() => shared.files.filter((file) => existsSync(file)), { timeout: 5_000 })
        .toEqual([])
      await expect
        .poll(() => ended(ledgerOf(dir).endedByGuardian), { timeout: 5_000 })
        .toEqual(ended(KINDS))
      const said: string[] = []
      const { runs } = await cleanLeftovers(dir, (line) => said.push(line))
      expect(runs.map((run) => ended(run.endedByGuardian))).toEqual([ended(KINDS)])
      expect(runs[0]?.removedDirs.length).toBe(KINDS.length)
      expect(readdirSync(join(dir, 'data'))).toEqual([])
      expect(said.join()).toContain('cleaned up after a run that was killed')
    },
  )

  it.runIf(process.getuid?.() === 0)('works the same for a normal user', async ({ skip }) => {
    skip(!isReadableByAll(packageRoot), 'a normal user cannot read this checkout')
    const dir = mkdtempSync(join(base, 'nobody-'))
    chmodSync(dir, 0o777)
    const { parent, pids } = await startParent(dir, { uid: 65_534, gid: 65_534 })
    expect(alive(pids).length).toBeGreaterThan(5)
    parent.kill('SIGKILL')
    await expect.poll(() => alive(pids), { timeout: 20_000, interval: 50 }).toEqual([])
    await cleanLeftovers(dir, () => undefined)
    expect(readdirSync(join(dir, 'data'))).toEqual([])
  })
})
