/** A local PostgreSQL that archives its log: it loses its data and is made again, to the archive's end or to a point. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineRecovery, StoringEngine } from '../../src/engines/engine.ts'
import { withClient } from '../../src/engines/postgres/connection.ts'
import { systemClock } from '../../src/kit/clock.ts'
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

/** Commits, one after another, until told to stop: what each was, and when its answer was there. */
function committing(from: number) {
  const over = new AbortController()
  const acks: { x: number; ackMs: number }[] = []
  const done = (async () => {
    for (let x = from; !over.signal.aborted; x++) {
      await insert(x)
      acks.push({ x, ackMs: systemClock.nowMs() })
    }
  })()
  const stop = async (): Promise<void> => {
    over.abort()
    await done
  }
  // Whatever fails meanwhile: the next test's table is not written by this one's.
  return { acks, stop, [Symbol.asyncDispose]: stop }
}

/** Follows the log as a fault does, until it begins. */
function following() {
  const over = new AbortController()
  const done = recovery.follow(over.signal).catch((error: unknown) => {
    if (!over.signal.aborted) throw error
  })
  return async () => {
    over.abort()
    await done
  }
}

const archivedSegments = () =>
  withClient(engine.addressFor('harness'), signal, async (client) => {
    const { rows } = await client.query<{ n: string }>(
      'SELECT archived_count AS n FROM pg_stat_archiver',
    )
    return Number(rows[0]?.n)
  })

describe('an archiving PostgreSQL', () => {
  it('holds after the loss of its disk what was archived, and can be written again', async () => {
    await insert(1)
    await recovery.backUp(signal)
    await insert(2)
    await engine.control.execute('SELECT pg_switch_wal()', signal)
    await expect.poll(archivedSegments).toBeGreaterThan(1)
    // Committed, and in a segment that nobody has archived.
    await insert(3)
    await recovery.loseData()
    expect(engine.parts[0]?.pids()).toEqual([])
    await recovery.restore('archive-end', signal)
    expect(await rows()).toEqual([1, 2])
    await insert(4)
    expect(await rows()).toEqual([1, 2, 4])
  })

  it('says until when everything that was committed must be there again, and it is', async () => {
    await recovery.backUp(signal)
    const backedUpMs = systemClock.nowMs()
    const unfollow = following()
    await using writer = committing(1_000)
    await expect.poll(() => writer.acks.length).toBeGreaterThan(50)
    const before = await archivedSegments()
    await engine.control.execute('SELECT pg_switch_wal()', signal)
    await expect.poll(archivedSegments).toBeGreaterThan(before)
    const archived = writer.acks.length
    await expect.poll(() => writer.acks.length).toBeGreaterThan(archived + 50)
    await writer.stop()
    await unfollow()

    await recovery.loseData()
    const { upTo, keptUntilMs } = await recovery.restore('archive-end', signal)
    expect(upTo).toMatch(/^the end of the archive, segment [0-9A-F]{24}$/)
    const there = new Set(await rows())
    const missing = writer.acks.filter(({ x }) => !there.has(x))
    const due = writer.acks.filter(({ ackMs }) => ackMs < keptUntilMs)
    // Both sides of the bound have something to say: it is neither the backup nor the end.
    expect(keptUntilMs).toBeGreaterThan(backedUpMs)
    expect(due.length).toBeGreaterThan(0)
    expect(missing.length).toBeGreaterThan(0)
    for (const { ackMs } of missing) expect(ackMs).toBeGreaterThanOrEqual(keptUntilMs)
  })

  it('is taken back to the point before an accident', async () => {
    await recovery.backUp(signal)
    await insert(5)
    const before = await rows()
    const beforeMs = systemClock.nowMs()
    await recovery.markPoint(signal)
    const afterMs = systemClock.nowMs()
    await engine.control.execute('DELETE FROM kept', signal)
    await insert(6)
    const { upTo, keptUntilMs } = await recovery.restore('point', signal)
    expect(await rows()).toEqual(before)
    expect(upTo).toMatch(/^the point headroom_/)
    expect(keptUntilMs).toBeGreaterThanOrEqual(beforeMs)
    expect(keptUntilMs).toBeLessThanOrEqual(afterMs)
  })

  it('is held, where it is lost again before anything of it was archived, to what the restore before brought back', async () => {
    await recovery.backUp(signal)
    await insert(7)
    await recovery.markPoint(signal)
    const unfollow = following()
    await insert(8)
    await unfollow()
    const first = await recovery.restore('point', signal)
    const before = await rows()
    expect(before).not.toContain(8)
    await insert(9)
    const follow = following()
    await insert(10)
    const looked = systemClock.nowMs()
    await expect.poll(() => systemClock.nowMs() - looked).toBeGreaterThan(250)
    await follow()
    await recovery.loseData()
    const second = await recovery.restore('archive-end', signal)
    expect(second.keptUntilMs).toBeLessThanOrEqual(first.keptUntilMs)
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
