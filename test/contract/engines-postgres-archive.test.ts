/** A local PostgreSQL that archives its log: it loses its data and is made again, to the archive's end or to a point. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineRecovery, StoringEngine } from '../../src/engines/engine.ts'
import { withClient } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'

const signal = new AbortController().signal
// A percent sign is a placeholder in PostgreSQL's archive commands, a quote one of the shell's.
const base = mkdtempSync(join(tmpdir(), "headroom-archive-100%f'-"))
const context = (name: string) => {
  const dataDir = join(base, name)
  mkdirSync(dataDir, { recursive: true })
  return {
    dataDir,
    logDir: join(base, 'logs'),
    name,
    runId: 'archive',
    signal,
    log: () => undefined,
  }
}

let engine: StoringEngine<'postgres'>
let recovery: EngineRecovery
beforeAll(async () => {
  engine = await startEngine(
    'postgres',
    { provider: 'embedded', settings: { archive_mode: 'on', archive_timeout: '1h' } },
    context('postgres'),
  )
  const found = engine.control.recovery
  if (found === undefined) throw new Error('it archives and cannot be restored')
  recovery = found
  await engine.control.execute('CREATE TABLE kept (x int)', signal)
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

const insert = (x: number) => engine.control.execute(`INSERT INTO kept VALUES (${x})`, signal)
const rows = () =>
  withClient(engine.addressFor('harness'), signal, async (client) => {
    const { rows } = await client.query<{ x: number }>('SELECT x FROM kept ORDER BY x')
    return rows.map(({ x }) => x)
  })

describe('an archiving PostgreSQL', () => {
  it('holds after the loss of its disk what was archived, and can be written again', async () => {
    await insert(1)
    await recovery.backUp(signal)
    await insert(2)
    await engine.control.execute('SELECT pg_switch_wal()', signal)
    await expect
      .poll(() =>
        withClient(engine.addressFor('harness'), signal, async (client) => {
          const { rows } = await client.query<{ n: string }>(
            'SELECT archived_count AS n FROM pg_stat_archiver',
          )
          return Number(rows[0]?.n)
        }),
      )
      .toBeGreaterThan(1)
    // Committed, and in a segment that nobody has archived.
    await insert(3)
    await recovery.loseData()
    expect(engine.parts[0]?.pids()).toEqual([])
    await recovery.restore('archive-end', signal)
    expect(await rows()).toEqual([1, 2])
    await insert(4)
    expect(await rows()).toEqual([1, 2, 4])
  })

  it('is taken back to the point before an accident', async () => {
    await recovery.backUp(signal)
    await insert(5)
    const before = await rows()
    await recovery.markPoint(signal)
    await engine.control.execute('DELETE FROM kept', signal)
    await insert(6)
    await recovery.restore('point', signal)
    expect(await rows()).toEqual(before)
  })

  it('is the only kind that can be restored', async () => {
    await using plain = await startEngine(
      'postgres',
      { provider: 'embedded', settings: {} },
      context('plain'),
    )
    expect(plain.control.recovery).toBeUndefined()
  })
})
