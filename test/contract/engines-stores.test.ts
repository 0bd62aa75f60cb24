import { mkdirSync, mkdtempSync, rmSync, chmodSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findMetric } from '../../src/collect/metrics.ts'
import { startEngine } from '../../src/engines/registry.ts'
import type { EngineContext, StoringKind, StoringEngine, Store } from '../../src/engines/engine.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { FullPageImages } from '../../src/engines/postgres/full-page-images.ts'
import { ClickHouseHttp } from '../../src/engines/clickhouse/http.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-stores-'))
chmodSync(base, 0o755)
const signal = new AbortController().signal

function context(name: string): EngineContext {
  const dataDir = join(base, name)
  mkdirSync(dataDir, { recursive: true })
  return { dataDir, logDir: join(base, 'logs'), name, runId: 'test', signal, log: () => undefined }
}

const SCHEMAS = {
  postgres: `
    CREATE TABLE events (
      id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organization_id UUID NOT NULL,
      transaction_id TEXT NOT NULL, external_customer_id TEXT NOT NULL, code TEXT NOT NULL,
      timestamp TIMESTAMPTZ NOT NULL, properties JSONB NOT NULL DEFAULT '{}', value DOUBLE PRECISION,
      decimal_value NUMERIC, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
    CREATE VIEW readable_events AS SELECT DISTINCT ON (organization_id, transaction_id) * FROM events;`,
  clickhouse: `
    CREATE TABLE events (
      organization_id UUID, transaction_id String, external_customer_id String, code String,
      timestamp DateTime64(6, 'UTC'), properties String, value Nullable(Float64),
      decimal_value Nullable(Decimal(38, 10)), created_at DateTime64(6, 'UTC') DEFAULT now64(6))
    ENGINE = ReplacingMergeTree(created_at) ORDER BY (organization_id, transaction_id);
    CREATE VIEW readable_events AS SELECT * FROM events FINAL;`,
} as const

const ORGANIZATIONS = [randomUUID(), randomUUID(), randomUUID()]

function copyRow(id: string, organization: string, value: number | null): string {
  const text = value === null ? '\\N' : String(value)
  const properties = '{"note":"a\\\\"b\\\\\\\\c"}'
  return `${organization}\t${id}\tcustomer\tcode\t2026-01-02 03:04:05.678901+00\t${properties}\t${text}\t${text}\n`
}

async function* chunksOf(text: string): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length; from += 50_000) {
    await Promise.resolve()
    yield bytes.subarray(from, from + 50_000)
  }
}

async function collect(rows: ReturnType<Store['rows']>) {
  const found: { id: string; source: string; value: number }[] = []
  for await (const batch of rows) {
    for (const [index, id] of batch.ids.entries()) {
      found.push({
        id,
        source: batch.sources[index] ?? '',
        value: batch.values[index] ?? Number.NaN,
      })
    }
  }
  return found.sort((a, b) => a.id.localeCompare(b.id))
}

const engines: Partial<Record<StoringKind, StoringEngine>> = {}
beforeAll(async () => {
  for (const kind of ['postgres', 'clickhouse'] as const) {
    const engine: StoringEngine = await startEngine(
      kind,
      { provider: 'embedded', settings: {} },
      context(kind),
    )
    engines[kind] = engine
    await engine.control.execute(SCHEMAS[kind], signal)
  }
})
afterAll(async () => {
  for (const engine of Object.values(engines)) await engine[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

function engineOf(kind: StoringKind): StoringEngine {
  const engine = engines[kind]
  if (engine === undefined) throw new Error(`${kind} is not running`)
  return engine
}

const storeOf = (kind: StoringKind) =>
  engineOf(kind).eventsStore({
    name: `${kind}.events`,
    table: 'events',
    readable: 'readable_events',
  })

const empty = (kind: StoringKind) => engineOf(kind).control.execute('TRUNCATE TABLE events', signal)

describe.each(['postgres', 'clickhouse'] as const)('the events store of %s', (kind) => {
  it('is empty to begin with', async () => {
    await empty(kind)
    expect(await collect(storeOf(kind).rows(signal))).toEqual([])
    expect(await storeOf(kind).totals(signal)).toEqual({
      rows: 0,
      distinctIds: 0,
      value64Sum: 0n,
      rowsByOrganization: new Map(),
    })
  })

  it('gives back every row that was loaded, and sums them exactly', async () => {
    await empty(kind)
    const rows = Array.from({ length: 20_000 }, (_, index) => ({
      id: `tx-${String(index).padStart(6, '0')}`,
      source: ORGANIZATIONS[index % 3] ?? '',
      // Large and small in one sum: doubles alone would lose the small ones.
      value: index % 2 === 0 ? 2 ** 46 + index / 64 : index / 64,
    }))
    await storeOf(kind).load(
      chunksOf(rows.map((row) => copyRow(row.id, row.source, row.value)).join('')),
      signal,
    )
    expect(await collect(storeOf(kind).rows(signal))).toEqual(rows)
    expect((await collect(storeOf(kind).readable(signal))).length).toBe(20_000)
    const totals = await storeOf(kind).totals(signal)
    expect(totals.rows).toBe(20_000)
    expect(totals.distinctIds).toBe(20_000)
    expect(totals.value64Sum).toBe(rows.reduce((sum, row) => sum + BigInt(row.value * 64), 0n))
    expect([...totals.rowsByOrganization.values()].sort()).toEqual([6666, 6667, 6667])
    const size = await storeOf(kind).size(signal)
    expect(size.rows).toBe(20_000)
    expect(size.heapBytes).toBeGreaterThan(10_000)
    expect(size.totalBytes).toBeGreaterThanOrEqual(size.heapBytes)
  })

  it('tells raw rows from readable ones, and distinct identities from rows', async () => {
    await empty(kind)
    const [one = '', two = ''] = ORGANIZATIONS
    // Separate loads: ClickHouse would merge repetitions within one insert.
    for (let time = 0; time < 3; time++)
      await storeOf(kind).load(chunksOf(copyRow('same', one, 1.5)), signal)
    await storeOf(kind).load(
      chunksOf(copyRow('same', two, 2.25) + copyRow('tab\\tbed', two, null)),
      signal,
    )
    const raw = await collect(storeOf(kind).rows(signal))
    expect(raw.map((row) => row.id).sort()).toContain('tab\tbed')
    expect(raw.find((row) => row.id === 'tab\tbed')?.value).toBeNaN()
    const readable = await collect(storeOf(kind).readable(signal))
    expect(readable.length).toBe(3)
    const totals = await storeOf(kind).totals(signal)
    expect(totals.distinctIds).toBe(3)
    expect(totals.rows).toBe(raw.length)
  })

  it('says when a table is not there', async () => {
    const store = engineOf(kind).eventsStore({ name: 'x', table: 'nowhere', readable: 'nowhere' })
    await expect(store.totals(signal)).rejects.toThrow(/nowhere/)
    await expect(collect(store.rows(signal))).rejects.toThrow(/nowhere/)
  })

  it('stops reading when asked to, and when the reader has enough', async () => {
    const store = storeOf(kind)
    const abort = new AbortController()
    abort.abort(new Error('enough'))
    await expect(collect(store.rows(abort.signal))).rejects.toThrow('enough')
    await store.load(
      chunksOf(
        Array.from({ length: 30_000 }, (_, i) =>
          copyRow(`many-${String(i)}`, ORGANIZATIONS[0] ?? '', 1),
        ).join(''),
      ),
      signal,
    )
    for await (const batch of store.rows(signal)) {
      expect(batch.ids.length).toBeGreaterThan(0)
      break
    }
    expect((await store.totals(signal)).rows).toBeGreaterThan(30_000)
  })

  it('is watched by a probe of its size', async () => {
    const store = storeOf(kind)
    const probe = engineOf(kind).probes.find((candidate) => candidate.name === `${store.name}.size`)
    const samples = new Map(
      (await probe?.sample(signal))?.map(({ metric, value }) => [metric, value]),
    )
    const size = await store.size(signal)
    expect(samples.get('store.rows')).toBe(size.rows)
    expect(samples.get('store.bytesPerEvent')).toBeGreaterThan(1)
    expect(engineOf(kind).probes.filter((candidate) => candidate.name === probe?.name).length).toBe(
      1,
    )
  })

  it('probes report metrics that metrics.ts knows, with labels where it says so', async () => {
    // The store over a table that is not there cannot be asked its size or its plan.
    for (const probe of engineOf(kind).probes.filter(({ name }) => !name.startsWith('x.'))) {
      for (const sample of [...(await probe.sample(signal)), ...(await probe.sample(signal))]) {
        const metric = findMetric(sample.metric)
        expect(metric, sample.metric).toBeDefined()
        expect(sample.label === null, sample.metric).toBe(metric?.label === null)
        expect(Number.isFinite(sample.value), sample.metric).toBe(true)
      }
    }
  })
})

it('PostgreSQL counts WAL and its full-page images as running totals', async () => {
  const engine = engineOf('postgres')
  const probe = engine.probes.find((candidate) => candidate.name === 'postgres.wal')
  const read = async () => {
    const samples = (await probe?.sample(signal)) ?? []
    return new Map(samples.map((sample) => [sample.metric, sample.value]))
  }
  await engine.control.execute('CREATE TABLE wal (x int, t text)', signal)
  const before = await read()
  await engine.control.checkpoint(signal)
  await engine.control.execute(
    `INSERT INTO wal SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g`,
    signal,
  )
  await engine.control.checkpoint(signal)
  await engine.control.execute('UPDATE wal SET x = x + 1 WHERE x % 50 = 0', signal)
  const after = await read()
  const walBytes = (after.get('wal.bytes') ?? 0) - (before.get('wal.bytes') ?? 0)
  const imageBytes = (after.get('wal.fpiBytes') ?? 0) - (before.get('wal.fpiBytes') ?? 0)
  expect(walBytes).toBeGreaterThan(20_000 * 100)
  // Every page of the table is touched once after a checkpoint: about 340 pages of 8 KiB.
  expect(imageBytes).toBeGreaterThan(1_000_000)
  expect(imageBytes).toBeLessThan(walBytes)
})

it('PostgreSQL full-page images are counted though a reading was cut short, and though a checkpoint removed WAL', async () => {
  const engine = engineOf('postgres') as StoringEngine<'postgres'>
  const client = new pg.Client(clientConfig(engine.addressFor('harness')))
  await client.connect()
  try {
    const images = new FullPageImages()
    const write = async (sql: string): Promise<void> => {
      await client.query('CHECKPOINT')
      await client.query(sql)
    }
    await client.query('DROP TABLE IF EXISTS paged')
    await client.query(`CREATE TABLE paged AS SELECT n, repeat('x', 900) AS filler
                          FROM generate_series(1, 40000) AS n`)
    const before = (await images.readBytes(client)) ?? NaN
    await write('UPDATE paged SET n = -n WHERE n % 8 = 0')
    await client.query(`SET statement_timeout = '3ms'`)
    await expect(images.readBytes(client)).rejects.toMatchObject({ code: '57014' })
    await client.query('SET statement_timeout = 0')
    const cut = (await images.readBytes(client)) ?? NaN
    // 5,000 pages, each touched once after the checkpoint.
    expect(cut - before).toBeGreaterThan(20e6)
    // The segment that was read up to lies before the checkpoint now.
    await client.query(`UPDATE paged SET filler = repeat('y', 900)`)
    await write('UPDATE paged SET n = n + 1 WHERE n % 8 = 0')
    expect(((await images.readBytes(client)) ?? NaN) - cut).toBeGreaterThan(20e6)
    await client.query('DROP TABLE paged')
  } finally {
    await client.end()
  }
})

it('PostgreSQL arrivals never skip a row that commits behind a later one', async () => {
  await empty('postgres')
  const store = storeOf('postgres')
  const address = (engineOf('postgres') as StoringEngine<'postgres'>).addressFor('harness')
  let { cursor } = await store.arrivals(null, signal)
  const seen = new Set<string>()
  const writing = new AbortController()
  const committed = new Set<string>()
  const writer = async (name: string): Promise<void> => {
    const client = new pg.Client(clientConfig(address))
    await client.connect()
    for (let round = 0; round < 40; round++) {
      const ids = Array.from(
        { length: 1 + ((round * 7) % 5) },
        (_, i) => `${name}-${String(round)}-${String(i)}`,
      )
      await client.query('BEGIN')
      for (const id of ids) {
        await client.query(
          `INSERT INTO events (organization_id, transaction_id, external_customer_id, code, timestamp)
           VALUES ($1, $2, 'c', 'c', now())`,
          [ORGANIZATIONS[0], id],
        )
        // Ids are taken in one order and committed in another.
        if (round % 4 === 0) await new Promise((done) => setTimeout(done, Math.random() * 15))
      }
      const keep = round % 6 !== 5
      await client.query(keep ? 'COMMIT' : 'ROLLBACK')
      if (keep) for (const id of ids) committed.add(id)
    }
    await client.end()
  }
  const poll = async (): Promise<void> => {
    const arrivals = await store.arrivals(cursor, signal)
    for (const id of arrivals.ids) seen.add(id)
    cursor = arrivals.cursor
  }
  const polling = (async () => {
    while (!writing.signal.aborted) await poll()
  })()
  await Promise.all(Array.from({ length: 8 }, (_, index) => writer(`w${String(index)}`)))
  writing.abort()
  await polling
  await poll()
  expect([...committed].filter((id) => !seen.has(id))).toEqual([])
  expect([...seen].filter((id) => !committed.has(id))).toEqual([])
  // Holes that nobody can fill any more are forgotten.
  for (let time = 0; time < 3; time++) await poll()
  expect((cursor as { holes: unknown[] }).holes).toEqual([])
})

it('ClickHouse arrivals survive merges and read only new parts', async () => {
  await empty('clickhouse')
  const store = storeOf('clickhouse')
  const engine = engineOf('clickhouse') as StoringEngine<'clickhouse'>
  await using http = new ClickHouseHttp(engine.addressFor('harness'))
  await store.load(
    chunksOf(
      Array.from({ length: 5_000 }, (_, i) =>
        copyRow(`old-${String(i)}`, ORGANIZATIONS[1] ?? '', 1),
      ).join(''),
    ),
    signal,
  )
  let { cursor } = await store.arrivals(null, signal)
  const seen = new Map<string, number>()
  const writing = new AbortController()
  const poll = async (): Promise<void> => {
    const arrivals = await store.arrivals(cursor, signal)
    for (const id of arrivals.ids) seen.set(id, (seen.get(id) ?? 0) + 1)
    cursor = arrivals.cursor
  }
  const polling = (async () => {
    while (!writing.signal.aborted) {
      await poll()
      await new Promise((done) => setTimeout(done, 20))
    }
  })()
  const wanted = new Set<string>()
  await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      for (let round = 0; round < 30; round++) {
        const ids = Array.from({ length: 20 }, (_, i) => `${name}-${String(round)}-${String(i)}`)
        await store.load(
          chunksOf(ids.map((id) => copyRow(id, ORGANIZATIONS[2] ?? '', 1)).join('')),
          signal,
        )
        for (const id of ids) wanted.add(id)
        if (name === 'a' && round % 10 === 9) await http.text('OPTIMIZE TABLE events', { signal })
      }
    }),
  )
  writing.abort()
  await polling
  await poll()
  expect([...wanted].filter((id) => !seen.has(id))).toEqual([])
  expect([...seen.keys()].every((id) => wanted.has(id) || id.startsWith('old-'))).toBe(true)
  // Nothing new: nothing is read, however large the table.
  const quiet = await store.arrivals(cursor, signal)
  expect(quiet.ids).toEqual([])
  expect(quiet.cursor).toEqual(cursor)
})
