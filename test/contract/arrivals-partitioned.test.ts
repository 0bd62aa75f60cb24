/** Looking for new rows in tables of many partitions: what a poll plans, and that no row is missed wherever it lies. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startFreshness } from '../../src/collect/freshness.ts'
import type { Reach, StoringEngine } from '../../src/engines/engine.ts'
import { findPackage } from '../../src/engines/packages/installed.ts'
import { readArrivals } from '../../src/engines/postgres/arrivals.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEmbeddedPostgres } from '../../src/engines/postgres/embedded.ts'
import { Scope } from '../../src/kit/scope.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-arrivals-'))
chmodSync(base, 0o755)
const isRequired = process.env['HEADROOM_REQUIRE_ALL'] !== undefined
const hasTimescale = findPackage('timescaledb') !== null || isRequired
const COLUMNS = { source: 'org', id: 'tx' }
const DAY_MS = 86_400_000

const scope = new Scope()
let engine: StoringEngine<'postgres'>
let writer: pg.Client

beforeAll(async () => {
  scope.defer(() => {
    rmSync(base, { recursive: true, force: true })
  })
  const dataDir = join(base, 'data')
  mkdirSync(dataDir)
  engine = scope.use(
    await startEmbeddedPostgres(
      { max_locks_per_transaction: '1024' },
      {
        dataDir,
        logDir: join(base, 'logs'),
        name: 'postgres',
        runId: 'test',
        signal: new AbortController().signal,
        log: () => undefined,
      },
      hasTimescale ? { extensions: ['timescaledb'] } : {},
    ),
  )
  writer = await connected()
  scope.defer(() => writer.end())
})
afterAll(() => scope[Symbol.asyncDispose]())

async function connected(): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(engine.addressFor('harness')))
  await client.connect()
  return client
}

const BODY = `id bigint GENERATED ALWAYS AS IDENTITY, org text NOT NULL DEFAULT 'o', tx text NOT NULL, at timestamptz NOT NULL`
/** Day 0 is today; the last two are ahead. */
const DAYS = `SELECT n, (date_trunc('day', now(), 'UTC') + n * interval '1 day') AS first
                FROM generate_series(3 - $count$, 2) AS n`

/** Each of `days` partitions, with some rows in every one of them. */
const TABLES: Readonly<Record<string, (name: string, days: number) => string>> = {
  plain: (name) => `CREATE TABLE ${name} (${BODY}, PRIMARY KEY (id))`,
  partitioned: (name, days) => `
    CREATE TABLE ${name} (${BODY}, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE ${name}_default PARTITION OF ${name} DEFAULT;
    DO $do$ DECLARE day record; BEGIN
      FOR day IN ${DAYS.replace('$count$', String(days))} LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF ${name} FOR VALUES FROM (%L) TO (%L)',
          '${name}_' || (day.n + 1000), day.first, day.first + interval '1 day');
      END LOOP; END $do$`,
  // As eav has it: ranges of HASH partitions.
  nested: (name, days) => `
    CREATE TABLE ${name} (${BODY}) PARTITION BY RANGE (at);
    CREATE INDEX ON ${name} USING brin (id);
    CREATE TABLE ${name}_default PARTITION OF ${name} DEFAULT;
    DO $do$ DECLARE day record; BEGIN
      FOR day IN ${DAYS.replace('$count$', String(days))} LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF ${name} FOR VALUES FROM (%L) TO (%L) PARTITION BY HASH (tx)',
          '${name}_' || (day.n + 1000), day.first, day.first + interval '1 day');
        FOR shard IN 0 .. 1 LOOP
          EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS 2, REMAINDER %s)',
            '${name}_' || (day.n + 1000) || '_' || shard, '${name}_' || (day.n + 1000), shard);
        END LOOP;
      END LOOP; END $do$`,
  hypertable: (name, days) => `
    CREATE TABLE ${name} (${BODY}); CREATE INDEX ON ${name} (id);
    SELECT create_hypertable('${name}', by_range('at', interval '1 day'));
    INSERT INTO ${name} (tx, at) SELECT 'old-' || n, first FROM (${DAYS.replace('$count$', String(days))}) AS days`,
}

/** A reader whose last statement can be explained. */
async function readerOf(name: string) {
  const client = await connected()
  let last: { text: string; values: unknown[] } | null = null
  const spied = new Proxy(client, {
    get: (target, key) =>
      key === 'query'
        ? (text: string, values: unknown[] = []) => {
            if (text.includes('AS fresh')) last = { text, values }
            return target.query(text, values)
          }
        : (Reflect.get(target, key) as unknown),
  })
  const table = { name, columns: COLUMNS }
  const seen: string[] = []
  let { cursor, roundPolls } = await readArrivals({ client: spied, table }, null)
  const poll = async (reach?: Reach): Promise<void> => {
    const arrivals = await readArrivals({ client: spied, table }, cursor, reach)
    seen.push(...arrivals.ids)
    cursor = arrivals.cursor
    roundPolls = arrivals.roundPolls
  }
  return {
    seen,
    poll,
    holes: () => (cursor as { holes: unknown[] }).holes.length,
    roundPolls: () => roundPolls ?? 1,
    round: async () => {
      await poll()
      for (let left = 1; left < (roundPolls ?? 1); left++) await poll()
    },
    /** Tables that the plan of the last poll names. */
    planned: async () => {
      const { text, values } = last!
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values)
      const names = rows.flatMap(
        (row) => / on (?:_timescaledb_internal\.)?(\w+)/.exec(row['QUERY PLAN'])?.[1] ?? [],
      )
      return new Set(names).size
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

const write = (name: string, tx: string, day: number): Promise<unknown> =>
  writer.query(`INSERT INTO ${name} (tx, at) VALUES ($1, $2)`, [
    tx,
    new Date(Date.now() + day * DAY_MS),
  ])

const kinds = ['plain', 'partitioned', 'nested', 'hypertable'].filter(
  (kind) => kind !== 'hypertable' || hasTimescale,
)

describe.each(kinds)('arrivals of a %s table', (kind) => {
  it('plan no more partitions of 200 than of 60, with holes open and rows in old ones', async () => {
    const planned: number[] = []
    for (const days of [60, 200]) {
      const name = `${kind}_${String(days)}`
      await writer.query(TABLES[kind]!(name, days))
      await using reader = await readerOf(name)
      // An id that is taken and given back leaves a hole.
      await writer.query('BEGIN')
      await write(name, 'given back', 0)
      await writer.query('ROLLBACK')
      for (const day of [0, -1, -30, -40]) await write(name, `of ${String(day)}`, day)
      await reader.round()
      await reader.poll()
      expect(reader.seen.toSorted()).toEqual(['of -1', 'of -30', 'of -40', 'of 0'])
      planned.push(await reader.planned())
    }
    expect(planned[1]).toBeGreaterThan(0)
    expect(planned[1]).toBeLessThanOrEqual(planned[0]! + 2)
    if (kind !== 'plain') expect(planned[1]).toBeLessThan(kind === 'nested' ? 120 : 60)
  })

  it('come once each in a round, wherever they lie and in whatever order they commit', async () => {
    const name = `${kind}_order`
    await writer.query(TABLES[kind]!(name, 60))
    await using reader = await readerOf(name)
    await using slow = { client: await connected(), [Symbol.asyncDispose]: () => slow.client.end() }
    // Taken first, committed last, into an old partition.
    await slow.client.query('BEGIN')
    await slow.client.query(
      `INSERT INTO ${name} (tx, at) VALUES ('late', now() - interval '33 days')`,
    )
    await write(name, 'now', 0)
    await reader.poll()
    expect(reader.seen).toEqual(['now'])
    for (let time = 0; time < 3; time++) await reader.round()
    await slow.client.query('COMMIT')
    // Outside of all ranges: where there is a default partition, that is where they are.
    const outside = ['-3000', '3000'].map((day) => write(name, day, Number(day)))
    await Promise.all(outside)
    await reader.poll()
    if (kind !== 'hypertable')
      expect(reader.seen).toEqual(expect.arrayContaining(['-3000', '3000']))
    await reader.round()
    expect(reader.seen.toSorted()).toEqual(['-3000', '3000', 'late', 'now'])
    for (const day of [0, -1, -7, -20, -33, -45, -55]) await write(name, `day ${String(day)}`, day)
    await reader.round()
    expect(reader.seen).toHaveLength(11)
    expect(new Set(reader.seen).size).toBe(11)
    // Nothing can fill them any more, and everywhere was looked at since.
    for (let time = 0; time < 3; time++) await reader.round()
    expect(reader.holes()).toBe(0)
  })
})

it('arrivals follow partitions that are made and dropped between two looks', async () => {
  await writer.query(TABLES['partitioned']!('moving', 60))
  await using reader = await readerOf('moving')
  await reader.round()
  expect(reader.roundPolls()).toBeGreaterThan(3)
  await writer.query(`DROP TABLE moving_${String(1000 - 40)}, moving_${String(1000 - 56)}`)
  await writer.query(
    `CREATE TABLE moving_ahead PARTITION OF moving FOR VALUES FROM (now() + interval '10 days') TO (now() + interval '40 days')`,
  )
  for (const day of [-40, -56, 20, -20]) await write('moving', `of ${String(day)}`, day)
  await reader.poll()
  expect(reader.seen).toContain('of 20')
  await reader.round()
  expect(reader.seen.toSorted()).toEqual(['of -20', 'of -40', 'of -56', 'of 20'])
})

it('arrivals in an old partition that rows keep coming into are seen by every poll, over any number of rounds', async () => {
  await writer.query(TABLES['partitioned']!('hot', 60))
  await using reader = await readerOf('hot')
  await write('hot', 'first', -40)
  await reader.round()
  expect(reader.seen).toEqual(['first'])
  // The catalogue is asked again after 50 polls.
  for (let poll = 0; poll < 70; poll++) {
    const tx = `at poll ${String(poll)}`
    await write('hot', tx, -40)
    await reader.poll()
    expect(reader.seen.at(-1)).toBe(tx)
  }
})

it('one look sees everything there is, and the round goes on where it was', async () => {
  await writer.query(TABLES['partitioned']!('wide', 60))
  await using reader = await readerOf('wide')
  await reader.round()
  await reader.poll()
  await using slow = { client: await connected(), [Symbol.asyncDispose]: () => slow.client.end() }
  await slow.client.query('BEGIN')
  await slow.client.query(`INSERT INTO wide (tx, at) VALUES ('late', now() - interval '33 days')`)
  for (const day of [-50, -40, -20, 0]) await write('wide', `of ${String(day)}`, day)
  await reader.poll('everywhere')
  expect(reader.seen.toSorted()).toEqual(['of -20', 'of -40', 'of -50', 'of 0'])
  await slow.client.query('COMMIT')
  for (let time = 0; time < 4; time++) await reader.round()
  expect(reader.seen.toSorted()).toEqual(['late', 'of -20', 'of -40', 'of -50', 'of 0'])
  expect(reader.holes()).toBe(0)
})

it('freshness sees at the end of its drain what is stored where no turn came', async () => {
  await writer.query(TABLES['partitioned']!('ending', 365))
  await using own = { client: await connected(), [Symbol.asyncDispose]: () => own.client.end() }
  const { client } = own
  const table = { name: 'ending', columns: COLUMNS }
  const seen: number[] = []
  await using freshness = await startFreshness({
    store: {
      name: 'postgres.ending',
      arrivals: (cursor, _, reach) => readArrivals({ client, table }, cursor, reach),
    },
    stream: { indexOf: (_, tx) => Number(tx), canonicalOf: (index) => index },
    seenLog: { seen: (index) => void seen.push(index) },
    epochMs: Date.now(),
    signal: new AbortController().signal,
    log: () => undefined,
  })
  await write('ending', '0', 0)
  await expect.poll(() => seen, { timeout: 30_000 }).toEqual([0])
  // Event 11 is acknowledged and lost. The others lie in old partitions all over.
  for (let index = 1; index <= 10; index++) await write('ending', String(index), -30 * index)
  const drained = await freshness.drain({ acknowledgedEvents: 12, dueEvents: 12, drainS: 0.5 })
  expect(drained).toBe(false)
  expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect((await freshness.stop()).failures).toBe(0)
})
