import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { EngineContext } from '../../src/engines/engine.ts'
import { findHome } from '../../src/engines/postgres/account.ts'
import { requireNativeDir } from '../../src/engines/postgres/binaries.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { allRows, identityOf } from '../../src/kit/process-table.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-interrupted-'))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

function context(name: string, signal: AbortSignal): EngineContext {
  const dataDir = join(base, name)
  mkdirSync(dataDir, { recursive: true })
  return { dataDir, logDir: join(base, 'logs'), name, runId: 'test', signal, log: () => undefined }
}

const mentioning = (text: string) =>
  allRows().flatMap((row) => {
    const command = row.zombie ? '' : (identityOf(row.pid)?.command ?? '')
    return command.includes(text) ? [command] : []
  })

describe.each(['postgres', 'clickhouse'] as const)('starting %s', (kind) => {
  it.each([0, 40, 150, 300])('interrupted after %i ms leaves nothing', async (afterMs) => {
    const abort = new AbortController()
    const where = context(`${kind}-${String(afterMs)}`, abort.signal)
    const starting = startEngine(kind, { provider: 'embedded', settings: {} }, where)
    setTimeout(() => {
      abort.abort(new Error('Ctrl-C'))
    }, afterMs)
    const outcome = await starting.then(
      async (engine) => {
        await engine[Symbol.asyncDispose]()
        return 'was faster'
      },
      (error: unknown) => String(error),
    )
    expect(['was faster', 'Error: Ctrl-C']).toContain(outcome)
    expect(existsSync(where.dataDir)).toBe(false)
    expect(mentioning(where.dataDir)).toEqual([])
  })
})

it.runIf(process.getuid?.() === 0)('as root, runs programs that only root can read', () => {
  const dir = mkdtempSync(join(base, 'private-'))
  const native = join(dir, 'package', 'native')
  cpSync(requireNativeDir(), native, { recursive: true, verbatimSymlinks: true })
  const dataDir = join(dir, 'data')
  mkdirSync(dataDir)
  const home = findHome(native, dataDir)
  expect(['namespace', 'copied']).toContain(home.account)
  const { command, args, env, ...identity } = home.commandFor('postgres', [
    '-C',
    'data_directory',
    '-D',
    '/nowhere',
  ])
  const said = spawnSync(command, args, {
    env: { ...process.env, ...env },
    cwd: '/',
    encoding: 'utf8',
    ...identity,
  })
  // It got as far as looking for its data: as root it would have refused before.
  expect(said.stderr).toContain('/nowhere')
  expect(said.stderr).not.toContain('root')
  home.dispose()
  expect(readdirSync(dataDir)).toEqual([])
})
