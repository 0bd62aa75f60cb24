import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metricKey } from '../../src/collect/metrics.ts'
import type { StoringEngine } from '../../src/engines/engine.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEmbeddedPostgres } from '../../src/engines/postgres/embedded.ts'
import { messageOf } from '../../src/kit/errors.ts'

const signal = new AbortController().signal
const base = mkdtempSync(join(tmpdir(), 'headroom-collectors-'))
chmodSync(base, 0o755)

let engine: StoringEngine<'postgres'>
beforeAll(async () => {
  const dataDir = join(base, 'data')
  mkdirSync(dataDir)
  engine = await startEmbeddedPostgres(
    // A segment is 16 MB: few switches of it are past every limit.
    { max_wal_size: '64MB', min_wal_size: '32MB', max_slot_wal_keep_size: '160MB' },
    { dataDir, logDir: base, name: 'postgres', runId: 'test', signal, log: () => undefined },
  )
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

async function look(probe: string): Promise<Readonly<Record<string, number>>> {
  const found = engine.probes.find(({ name }) => name === `postgres.${probe}`)
  if (found === undefined) throw new Error(`no probe ${probe}`)
  const samples = await found.sample(signal)
  return Object.fromEntries(samples.map((one) => [metricKey(one.metric, one.label), one.value]))
}

async function session(name: string): Promise<pg.Client> {
  const client = new pg.Client({
    ...clientConfig(engine.addressFor('service')),
    application_name: name,
  })
  await client.connect()
  return client
}

/** Statistics and waits are told by sessions a little later. */
async function lookUntil(
  probe: string,
  seen: (figures: Readonly<Record<string, number>>) => boolean,
): Promise<Readonly<Record<string, number>>> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const figures = await look(probe)
    if (seen(figures)) return figures
    await sleep(100)
  }
  throw new Error(`${probe} never showed it: ${JSON.stringify(await look(probe))}`)
}

describe('a slot that nobody reads', () => {
  it('keeps more and more WAL, grows old, and is lost beyond max_slot_wal_keep_size', async () => {
    const client = await session('writer')
    const statusOf = (figures: Readonly<Record<string, number>>): string | undefined =>
      Object.keys(figures).find((key) => key.startsWith('slot.walStatus{'))
    const writeSegments = async (segments: number): Promise<void> => {
      for (let at = 0; at < segments; at += 1) {
        await client.query(`SELECT pg_logical_emit_message(false, 'test', 'x')`)
        await client.query('SELECT pg_switch_wal()')
      }
    }
    try {
      expect(await look('slots')).toEqual({})
      await client.query(`SELECT pg_create_physical_replication_slot('stalled', true)`)
      const fresh = await look('slots')
      expect(statusOf(fresh)).toBe('slot.walStatus{stalled: reserved, unread}')
      expect(fresh['slot.restartAgeS{stalled}']).toBe(0)

      await writeSegments(6)
      const grown = await look('slots')
      await sleep(300)
      const later = await look('slots')
      expect(grown['slot.lagBytes{stalled}']).toBeGreaterThan(5 * 2 ** 24)
      expect(later['slot.restartAgeS{stalled}']).toBeGreaterThan(0.25)
      expect(statusOf(later)).toBe('slot.walStatus{stalled: extended, unread}')
      expect(later['slot.safeWalBytes{stalled}']).toBeLessThan(
        fresh['slot.safeWalBytes{stalled}'] ?? 0,
      )

      await writeSegments(8)
      await engine.control.checkpoint(signal)
      expect(statusOf(await look('slots'))).toBe('slot.walStatus{stalled: lost, unread}')
    } finally {
      await client.query(`SELECT pg_drop_replication_slot('stalled')`)
      await client.end()
    }
  })
})

describe('the xmin horizon', () => {
  it('ages behind a long transaction, which is named, and is free again after it', async () => {
    const [writer, holder] = await Promise.all([session('writer'), session('monthly report')])
    try {
      expect(await look('horizon')).toEqual({ 'horizon.ageTransactions': 0, 'horizon.heldS': 0 })
      await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      await holder.query('SELECT count(*) FROM pg_class')
      for (let at = 0; at < 30; at += 1) await writer.query('SELECT pg_current_xact_id()')
      const pinned = await look('horizon')
      expect(pinned['horizon.ageTransactions']).toBe(30)
      expect(
        pinned['horizon.holderAgeTransactions{session monthly report (idle in transaction)}'],
      ).toBe(30)
      expect(pinned['horizon.heldS']).toBeGreaterThan(0)
      await holder.query('COMMIT')
      expect(await look('horizon')).toEqual({ 'horizon.ageTransactions': 0, 'horizon.heldS': 0 })
    } finally {
      await Promise.all([writer.end(), holder.end()])
    }
  })

  it('is also held by who wrote and keeps no snapshot', async () => {
    const [writer, holder] = await Promise.all([session('writer'), session('forgotten')])
    try {
      await holder.query('BEGIN')
      await holder.query('SELECT pg_current_xact_id()')
      for (let at = 0; at < 5; at += 1) await writer.query('SELECT pg_current_xact_id()')
      expect((await look('horizon'))['horizon.ageTransactions']).toBe(6)
    } finally {
      await Promise.all([writer.end(), holder.end()])
    }
  })
})

describe('sessions that block each other', () => {
  it('are counted apart from other waits, with the longest wait', async () => {
    const [first, second] = await Promise.all([session('first'), session('second')])
    try {
      await first.query('CREATE TABLE fought_over (id int PRIMARY KEY, x int)')
      await first.query('INSERT INTO fought_over VALUES (1, 0)')
      expect(await look('locks')).toEqual({ 'locks.blockedSessions': 0, 'locks.longestWaitS': 0 })
      await first.query('BEGIN')
      await first.query('UPDATE fought_over SET x = 1')
      const waiting = second.query('UPDATE fought_over SET x = 2')
      const blocked = await lookUntil('locks', (seen) => seen['locks.blockedSessions'] === 1)
      const later = await lookUntil(
        'locks',
        (seen) => (seen['locks.longestWaitS'] ?? 0) > (blocked['locks.longestWaitS'] ?? 0),
      )
      expect(later['locks.blockedSessions']).toBe(1)
      await first.query('COMMIT')
      await waiting
      expect((await look('locks'))['locks.blockedSessions']).toBe(0)
    } finally {
      await Promise.all([first.end(), second.end()])
    }
  })
})

describe('rows of a table', () => {
  it('count dead rows, updates and HOT updates exactly, partitions for their table', async () => {
    const client = await session('writer')
    try {
      await client.query(`
        CREATE TABLE parted (id int, x int) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100)
          WITH (autovacuum_enabled = off, fillfactor = 50);
        CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200)
          WITH (autovacuum_enabled = off);
        CREATE INDEX ON parted (x);
        INSERT INTO parted SELECT i, i FROM generate_series(0, 199) AS i`)
      await client.query('UPDATE parted SET x = -x WHERE id BETWEEN 1 AND 10')
      await client.query('UPDATE parted SET id = id WHERE id < 7')
      await client.query('DELETE FROM parted WHERE id >= 190')
      // An idle session would keep its counts to itself for ten seconds.
      await client.query('SELECT pg_stat_force_next_flush()')
      const figures = await lookUntil('tables', (seen) => seen['table.deletes{parted}'] === 10)
      expect(figures).toMatchObject({
        'table.updates{parted}': 17,
        'table.hotUpdates{parted}': 7,
        'table.deadRows{parted}': 27,
        'table.liveRows{parted}': 190,
        'table.insertsSinceVacuum{parted}': 200,
        'table.autovacuums{parted}': 0,
        'table.inserts{parted}': 200,
        // Two partitions that nobody has counted yet, each at the server's 50.
        'table.vacuumThresholdRows{parted}': 100,
        'table.unloggedRatio{parted}': 0,
      })
      expect(Object.keys(figures).filter((key) => key.includes('parted_'))).toEqual([])
      // A page each.
      expect((await look('sizes'))['table.heapBytes{parted}']).toBe(2 * 8_192)
      expect(figures['table.sinceAutovacuumS{parted}']).toBeUndefined()
      await client.query(`
        ALTER TABLE parted_1 SET (autovacuum_vacuum_threshold = 100, autovacuum_vacuum_scale_factor = 0.01);
        ALTER TABLE parted_1 SET UNLOGGED;
        ANALYZE parted_1`)
      expect(await look('tables')).toMatchObject({
        'table.vacuumThresholdRows{parted}': 151,
        'table.unloggedRatio{parted}': 0.5,
      })
    } finally {
      await client.end()
    }
  })
})

describe('bytes of a table', () => {
  it('are those of its rows as it grows, values kept out of line with them', async () => {
    const client = await session('writer')
    try {
      const insert = `INSERT INTO toasted SELECT i, repeat('x', 8192) FROM generate_series(1, 200) AS i`
      await client.query(`CREATE TABLE toasted (id int, payload text);
        ALTER TABLE toasted ALTER payload SET STORAGE EXTERNAL; ${insert}`)
      const bytes = (await look('sizes'))['table.heapBytes{toasted}'] ?? 0
      expect(bytes / 200).toBeGreaterThan(8_192)
      expect(bytes / 200).toBeLessThan(2 * 8_192)
      // Nobody has vacuumed or analyzed it in between.
      await client.query(insert)
      const later = (await look('sizes'))['table.heapBytes{toasted}'] ?? 0
      expect(later / bytes).toBeGreaterThan(1.9)
      expect(later / bytes).toBeLessThan(2.1)
    } finally {
      await client.end()
    }
  })
})

describe('a table that somebody keeps locked', () => {
  it('costs no other figure a second, and its waiters are seen meanwhile', async () => {
    const [holder, waiter] = await Promise.all([session('migration'), session('reader')])
    const answersWithinMs = async (): Promise<readonly [string, number, string][]> => {
      const begun = performance.now()
      return await Promise.all(
        engine.probes.map(async ({ name, sample }): Promise<[string, number, string]> => {
          const outcome = await sample(AbortSignal.timeout(20_000)).then(
            () => 'told',
            (error: unknown) => messageOf(error),
          )
          return [name, performance.now() - begun, outcome]
        }),
      )
    }
    try {
      await holder.query(`
        CREATE TABLE locked (id int);
        CREATE TABLE free (id int);
        INSERT INTO locked VALUES (1);
        INSERT INTO free VALUES (1);
        CREATE TABLE locked_parts (id int) PARTITION BY RANGE (id);
        CREATE TABLE locked_rest PARTITION OF locked_parts DEFAULT;
        CREATE TABLE free_parts (at timestamptz) PARTITION BY RANGE (at);
        CREATE TABLE free_rest PARTITION OF free_parts DEFAULT`)
      engine.eventsStore({ name: 'store', table: 'locked', readable: 'locked' })
      // Sessions are open, as they are in a run.
      await answersWithinMs()
      await holder.query('BEGIN; LOCK TABLE locked, locked_parts IN ACCESS EXCLUSIVE MODE')
      const waiting = waiter.query('SELECT count(*) FROM locked')
      await lookUntil('locks', (seen) => seen['locks.blockedSessions'] === 1)
      const answers = await answersWithinMs()
      expect(answers.filter(([, ms]) => ms >= 1_000)).toEqual([])
      // Of that table alone there is nothing to tell, and no look at it waits long.
      expect(answers.filter(([, , outcome]) => outcome !== 'told')).toEqual(
        ['store.size', 'store.plan'].map((name) => [
          name,
          expect.any(Number),
          expect.stringContaining('lock timeout'),
        ]),
      )
      const partitions = await look('partitions')
      expect(Object.keys(partitions).filter((key) => key.includes('{locked'))).toEqual([])
      expect(partitions).toMatchObject({
        'partition.count{free_parts}': 0,
        'partition.waitingRows{free_parts}': 0,
        'partition.ahead{free_parts}': 0,
      })
      const sizes = await look('sizes')
      expect(sizes['table.heapBytes{free}']).toBe(8_192)
      expect(Object.keys(sizes).filter((key) => key.includes('{locked'))).toEqual([])
      expect((await look('tables'))['table.inserts{locked}']).toBeDefined()
      await holder.query('COMMIT')
      await waiting
      expect((await look('sizes'))['table.heapBytes{locked}']).toBe(8_192)
      expect(await look('partitions')).toMatchObject({ 'partition.waitingRows{locked_parts}': 0 })
    } finally {
      await Promise.all([holder.end(), waiter.end()])
    }
  })
})

describe('statements', () => {
  it('are counted with time, rows, pages and WAL, without literals and without the harness', async () => {
    const client = await session('writer')
    try {
      await client.query('CREATE TABLE counted (id int, note text)')
      const before = (await engine.statements?.(signal)) ?? []
      for (let at = 0; at < 20; at += 1) {
        await client.query(
          `INSERT INTO counted SELECT i, 'secret-${String(at)}' FROM generate_series(1, 50) AS i`,
        )
      }
      for (const probe of engine.probes) await probe.sample(signal)
      const after = (await engine.statements?.(signal)) ?? []
      const known = new Set(before.map(({ id }) => id))
      const fresh = after.filter(({ id }) => !known.has(id))
      expect(fresh.map(({ text }) => text)).toEqual([
        'INSERT INTO counted SELECT i, $1 FROM generate_series($2, $3) AS i',
      ])
      expect(fresh[0]).toMatchObject({ calls: 20, rows: 1_000 })
      expect(fresh[0]?.walBytes).toBeGreaterThan(1_000 * 30)
      expect(fresh[0]?.blocks).toBeGreaterThan(0)
    } finally {
      await client.end()
    }
  })
})
