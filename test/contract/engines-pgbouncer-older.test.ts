/** A PgBouncer of before 1.21 on the PATH: it has no setting for named prepared statements, and does not start with one. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, expect, it, vi } from 'vitest'
import type { EngineContext, RunningEngine } from '../../src/engines/engine.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { Scope } from '../../src/kit/scope.ts'
import { olderPgBouncer } from '../fixtures/older-pgbouncer.ts'

const never = new AbortController().signal

afterEach(() => {
  vi.unstubAllEnvs()
})

function context(base: string, name: string): EngineContext {
  const dataDir = join(base, `${name}-data`)
  mkdirSync(dataDir, { recursive: true })
  const logDir = join(base, 'logs')
  return { dataDir, logDir, name, runId: 'test', signal: never, log: () => undefined }
}

it('runs as a session pool, whose sessions keep named statements, and is refused as any other', async (test) => {
  await using scope = new Scope()
  const base = mkdtempSync(join(tmpdir(), 'headroom-older-pgbouncer-'))
  scope.defer(() => {
    rmSync(base, { recursive: true, force: true })
  })
  chmodSync(base, 0o755)
  const older = olderPgBouncer(base)
  if ('missing' in older) return test.skip(older.missing)
  const upstream = scope.use(
    await startEngine('postgres', { provider: 'embedded', settings: {} }, context(base, 'server')),
  )
  vi.stubEnv('PATH', `${older.path}:${process.env['PATH'] ?? ''}`)
  vi.stubEnv('HEADROOM_ENGINES_DIR', join(base, 'no-engines'))
  const start = (mode: string): Promise<RunningEngine<'pgbouncer'>> =>
    startEngine(
      'pgbouncer',
      { provider: 'embedded', settings: { pool_mode: mode }, upstream },
      context(base, mode),
    )

  await expect(start('transaction')).rejects.toMatchObject({
    code: 'ENGINE_MISSING',
    message: expect.stringContaining(`${older.version} loses named prepared statements`),
  })

  const pooler = scope.use(await start('session'))
  expect(pooler.version).toBe(older.version)
  // Its pool mode is the program's own default.
  expect(pooler.settings).toMatchObject({ default_pool_size: '16' })
  expect(pooler.settings).not.toHaveProperty('max_prepared_statements')
  expect(pooler.facts).toMatchObject({ namedStatements: expect.stringContaining('sessions alone') })
  const client = new pg.Client(clientConfig(pooler.addressFor('service')))
  await client.connect()
  try {
    const named = { name: 'say', text: 'SELECT $1::int AS n' }
    for (const n of [1, 2, 3]) {
      const { rows } = await client.query<{ n: number }>({ ...named, values: [n] })
      expect(rows).toEqual([{ n }])
    }
  } finally {
    await client.end()
  }
  const samples = await Promise.all(pooler.probes.map((probe) => probe.sample(never)))
  const metrics = samples.flat().map(({ metric }) => metric)
  expect(metrics).toEqual(expect.arrayContaining(['pooler.waitMaxMs', 'pooler.transactions']))
})
