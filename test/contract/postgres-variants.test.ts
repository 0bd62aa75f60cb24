/**
 * Every index set, way to travel and setting of the PostgreSQL table that pg-direct and pg-batch share, on one server:
 * the HTTP edge in front of them is the same for all and asked elsewhere.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { IngestEvent } from '../../reference-impl/service-kit/event.ts'
import { METHODS } from '../../reference-impl/service-kit/postgres/batch-ways.ts'
import {
  applyEventsTable,
  eventsTableSettings,
  eventsTableStore,
  identityIn,
  INDEX_SETS,
} from '../../reference-impl/service-kit/postgres/events-table.ts'
import { openPostgresIngest } from '../../reference-impl/service-kit/postgres/ingest.ts'
import { Meters } from '../../reference-impl/service-kit/meters.ts'
import type { Ingest } from '../../reference-impl/service-kit/service.ts'
import type { Answer } from '../../reference-impl/service-kit/written.ts'
import type { StoringEngine } from '../../src/engines/engine.ts'
import { setBuildDependent } from '../../src/engines/postgres/build-dependent.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { z } from 'zod'

const dir = mkdtempSync(join(tmpdir(), 'headroom-variants-'))
const signal = new AbortController().signal
const SETTINGS = {
  wal_writer_delay: '10s',
  bgwriter_lru_maxpages: '0',
  autovacuum: 'off',
  wal_compression: 'lz4',
}
const meters = new Meters()
let engine: StoringEngine<'postgres'>
let client: pg.Client

const connectClient = async (): Promise<pg.Client> => {
  const opened = new pg.Client(clientConfig(engine.addressFor('harness')))
  opened.on('error', () => undefined)
  await opened.connect()
  return opened
}

beforeAll(async () => {
  const dataDir = join(dir, 'data')
  mkdirSync(dataDir)
  engine = await startEngine(
    'postgres',
    // A commit that does not wait for its flush stays in memory: nobody else flushes before the kill.
    {
      provider: 'embedded',
      settings: SETTINGS,
    },
    { dataDir, logDir: join(dir, 'logs'), name: 'pg', runId: 'test', signal, log: () => undefined },
  )
  client = await connectClient()
})
afterAll(async () => {
  meters[Symbol.dispose]()
  await client.end()
  await engine[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(async () => {
  await client.query(
    'DROP TABLE IF EXISTS events, customers, billable_codes, organizations, preloaded_events',
  )
})

interface Variant {
  readonly schemaVariant?: string
  readonly settings?: Partial<z.input<z.ZodObject<typeof eventsTableSettings>>>
  readonly method?: (typeof METHODS)[number]
  readonly prepared?: boolean
}

/** The schema, and a service's inside over two connections. */
async function open({ schemaVariant = 'default', ...variant }: Variant): Promise<Ingest> {
  const settings = z.strictObject(eventsTableSettings).parse(variant.settings ?? {})
  await applyEventsTable(engine, { settings, schemaVariant }, signal)
  return await openPostgresIngest(
    engine.addressFor('service'),
    { meters, log: () => undefined },
    {
      name: 'test',
      connections: 2,
      timeoutMs: 20_000,
      batch: { rowsMax: 100, requestsMax: 1_000 },
      writer: {
        method: variant.method ?? 'unnest',
        copyFromRows: 50,
        prepared: variant.prepared ?? true,
      },
      table: { ...settings, identity: identityIn(schemaVariant, settings) },
    },
  )
}

const send = (ingest: Ingest, events: readonly IngestEvent[]): Promise<Answer> =>
  new Promise((resolve) => {
    ingest.submit(events, resolve)
  })

const organization = randomUUID()
let made = 0
const event = (more: Partial<IngestEvent> = {}): IngestEvent => ({
  organizationId: organization,
  transactionId: `tx-${String(made++)}`,
  externalCustomerId: `customer-${String(made % 7)}`,
  code: `code-${String(made % 3)}`,
  timestamp: '2026-02-25T12:00:00.123456Z',
  properties: '{"a":1}',
  value: '1.5',
  ...more,
})
const fresh = { state: 'stored', duplicates: [], rejected: [] }

const storedIds = async (): Promise<readonly string[]> => {
  const { rows } = await client.query<{ id: string }>('SELECT transaction_id AS id FROM events')
  return rows.map(({ id }) => id).toSorted()
}
const idsOf = (events: readonly IngestEvent[]): readonly string[] =>
  events.map(({ transactionId }) => transactionId).toSorted()

describe.each(INDEX_SETS)('index set %s', (schemaVariant) => {
  const keeps = identityIn(schemaVariant, { dedupAction: 'nothing' }) === 'kept'

  it.each(METHODS)(
    'tells repeats of a batch sent by %s, or keeps them as it says',
    async (method) => {
      await using ingest = await open({ schemaVariant, method })
      const events = Array.from({ length: 20 }, () => event())
      expect(await send(ingest, events)).toEqual(fresh)
      const again = [event(), ...events.slice(3, 5), event()]
      const answer = await send(ingest, again)
      expect(answer).toEqual(keeps ? fresh : { ...fresh, duplicates: [1, 2] })
      const expected = [...events, ...(keeps ? again : [again[0]!, again[3]!])]
      expect(await storedIds()).toEqual(idsOf(expected))
    },
  )

  it('answers Q1 to Q4', async () => {
    await using ingest = await open({ schemaVariant })
    const events = Array.from({ length: 5 }, () => event({ code: 'storage' }))
    await send(ingest, events)
    const range = { from: '2026-02-25T11:30:00Z', to: '2026-02-25T12:30:00Z' }
    const whose = { organizationId: organization, code: 'storage' }
    const { reads } = ingest
    const rowsOf = async (query: Parameters<typeof reads.query>[0]) =>
      (await reads.query(query, { readClass: 'analytics', token: null })).rows
    expect(await rowsOf({ name: 'Q1', ...range })).toEqual([
      { organization_id: organization, events: 5 },
    ])
    expect(await rowsOf({ name: 'Q2', ...whose, ...range })).toMatchObject([
      { events: 5, value: 7.5 },
    ])
    expect(await rowsOf({ name: 'Q3', ...whose, ...range })).toEqual([{ events: 5, value: 7.5 }])
    const { transactionId } = events[2]!
    expect(await rowsOf({ name: 'Q4', organizationId: organization, transactionId })).toMatchObject(
      [{ transaction_id: transactionId }],
    )
  })
})

describe('ways to travel', () => {
  const character = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
    fc.string({ unit: fc.constantFrom('\\', '"', '\t', '\n', '\r', ',', '{', "'"), minLength: 1 }),
  )
  const text = character.filter((one) => !one.includes('\0') && !/\p{Surrogate}/u.test(one))
  const events = fc.array(
    fc.record({
      externalCustomerId: text,
      code: text,
      timestamp: fc.constantFrom(
        '2026-02-25T12:00:00Z',
        '1900-01-01T00:00:00.000001+14:00',
        '2299-12-31T23:59:59.999999-12:30',
        '1999-12-31T23:59:59.9999995Z',
        '2000-01-01T00:00:00.0000005Z',
        '2024-02-29T23:59:59.123456789+05:45',
      ),
      properties: fc
        .dictionary(text, fc.oneof(text, fc.integer()))
        .map((one) => JSON.stringify(one)),
      value: fc.oneof(
        fc.constantFrom(null, '0', '-0', '10000', '0.0001', '1e-7', '-5e-324', '123456789012345.5'),
        fc.double({ noNaN: true, min: -1e15, max: 1e15 }).map(String),
      ),
    }),
    { minLength: 2, maxLength: 12 },
  )
  const CONTENTS = `SELECT external_customer_id, code, timestamp::text, properties::text, value::text,
    decimal_value::text FROM events ORDER BY organization_id, transaction_id`

  it('store the same row, to the last digit and character', async () => {
    const ways = METHODS.flatMap((method) => [
      { method, schemaVariant: 'default' },
      { method, schemaVariant: 'none' },
    ])
    await fc.assert(
      fc.asyncProperty(events, async (batch) => {
        let first: readonly unknown[] | null = null
        for (const way of ways) {
          await client.query('DROP TABLE IF EXISTS events')
          await using ingest = await open(way)
          const sent = batch.map((one, index) =>
            event({ ...one, transactionId: `t${String(index).padStart(3, '0')}` }),
          )
          expect(await send(ingest, sent)).toEqual(fresh)
          const { rows } = await client.query<Record<string, unknown>>(CONTENTS)
          expect(rows.length).toBe(batch.length)
          first ??= rows
          expect(rows, way.method).toEqual(first)
        }
      }),
      { numRuns: 12 },
    )
  })

  it.each(METHODS)('%s accepts each id once when concurrent batches overlap', async (method) => {
    for (const dedupAction of ['nothing', 'update'] as const) {
      await client.query('DROP TABLE IF EXISTS events')
      await using ingest = await open({ method, settings: { dedupAction } })
      const events = Array.from({ length: 80 }, () => event())
      const bodies = Array.from({ length: 40 }, (_, request) =>
        Array.from({ length: 15 }, (_item, item) => events[(request * 7 + item * 13) % 80]!),
      )
      const answers = await Promise.all(bodies.map((body) => send(ingest, body)))
      const accepted = answers.flatMap((answer, index) => {
        if (answer.state !== 'stored') throw new Error(answer.state)
        return bodies[index]!.filter((_event, item) => !answer.duplicates.includes(item))
      })
      expect(idsOf(accepted)).toEqual(idsOf([...new Set(bodies.flat())]))
      expect(await storedIds()).toEqual(idsOf(accepted))
    }
  })

  it('work without prepared statements, which then leave nothing on the connection', async () => {
    for (const method of METHODS) {
      await client.query('DROP TABLE IF EXISTS events')
      await using ingest = await open({ method, prepared: false })
      const events = [event(), event()]
      expect(await send(ingest, events)).toEqual(fresh)
      expect(await send(ingest, [events[0]!])).toEqual({ ...fresh, duplicates: [0] })
      expect(await send(ingest, [event()])).toEqual(fresh)
    }
  })

  it('carry more rows in VALUES than one statement takes', async () => {
    await using ingest = await open({ method: 'values' })
    const events = Array.from({ length: 9_500 }, () => event())
    expect(await send(ingest, events)).toEqual(fresh)
    expect(await send(ingest, [...events.slice(-2), event()])).toEqual({
      ...fresh,
      duplicates: [0, 1],
    })
  })
})

describe('a setting that not every build of PostgreSQL knows', () => {
  const shown = async (): Promise<unknown> => (await client.query('SHOW wal_compression')).rows[0]

  it('is in force, or named as not in force with what the build offers', async () => {
    const { rows } = await client.query<{ values: string[] }>(
      `SELECT enumvals AS values FROM pg_settings WHERE name = 'wal_compression'`,
    )
    const values = rows[0]!.values
    if (values.includes('lz4')) {
      expect(await shown()).toEqual({ wal_compression: 'lz4' })
    } else {
      const inForce = `off (this build of PostgreSQL offers ${values.join(', ')})`
      expect(engine.notes?.settingsNotInForce).toEqual([
        { name: 'wal_compression', asked: 'lz4', inForce },
      ])
    }
    // And one that every build knows.
    expect(await setBuildDependent(client, { wal_compression: 'pglz' })).toEqual([])
    expect(await shown()).toEqual({ wal_compression: 'pglz' })
  })
})

describe('dedupAction update', () => {
  it('tells a repeat and keeps what it says', async () => {
    await using ingest = await open({ settings: { dedupAction: 'update' } })
    const first = event()
    await send(ingest, [first])
    for (const [value, company] of [
      ['7', []],
      ['8', [event()]],
    ] as const) {
      const answer = await send(ingest, [{ ...first, value, code: 'changed' }, ...company])
      expect(answer).toEqual({ ...fresh, duplicates: [0] })
      const { rows } = await ingest.reads.lookup(organization, first.transactionId, {
        readClass: 'critical',
        token: null,
      })
      expect(rows).toMatchObject([{ value: Number(value), code: 'changed' }])
    }
  })

  it('is refused where no unique index tells what to update', () => {
    expect(() => identityIn('brin', { dedupAction: 'update' })).toThrow(/no unique index/)
  })
})

describe('foreignKeys', () => {
  it.each(METHODS)('lets events in whose references nobody has seen, by %s', async (method) => {
    await using ingest = await open({ method, settings: { foreignKeys: true } })
    const others = Array.from({ length: 6 }, () => event({ organizationId: randomUUID() }))
    expect(await send(ingest, others)).toEqual(fresh)
    expect(await send(ingest, [event()])).toEqual(fresh)
    expect(await send(ingest, [event({ code: 'new' })])).toEqual(fresh)
    const { rows } = await client.query('SELECT count(*)::int AS n FROM organizations')
    expect(rows).toEqual([{ n: 7 }])
    await expect(client.query('DELETE FROM organizations')).rejects.toThrow(/foreign key/)
  })

  it('registers anew what was known and is gone', async () => {
    await using ingest = await open({ settings: { foreignKeys: true } })
    await send(ingest, [event()])
    await client.query('TRUNCATE organizations CASCADE')
    expect(await send(ingest, [event()])).toEqual(fresh)
    await client.query('TRUNCATE organizations CASCADE')
    expect(await send(ingest, [event(), event()])).toEqual(fresh)
  })

  it('lets the harness load rows, with what they refer to', async () => {
    await using ingest = await open({ settings: { foreignKeys: true } })
    const store = eventsTableStore(engine, { foreignKeys: true })
    const rows = [1, 2].map(
      (n) => `${organization}\tp${String(n)}\tc\tk\t2026-01-02 03:04:05+00\t{}\t1\t1\n`,
    )
    await store.load(
      (async function* () {
        await Promise.resolve()
        yield Buffer.from(rows.join(''))
      })(),
      signal,
    )
    expect((await store.totals(signal)).rows).toBe(2)
    expect(await send(ingest, [event()])).toEqual(fresh)
  })
})

describe('nonCriticalCodes', () => {
  const flushed = async (): Promise<string | undefined> => {
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn')
    return rows[0]?.lsn
  }

  it.each(METHODS)('lets no commit of theirs wait for the disk, by %s', async (method) => {
    await using ingest = await open({ method, settings: { nonCriticalCodes: ['click'] } })
    const clicks = () => [event({ code: 'click' }), event({ code: 'click' })]
    // A connection makes its staging table first.
    await send(ingest, clicks())
    const before = await flushed()
    expect(await send(ingest, clicks())).toEqual(fresh)
    expect(await flushed()).toBe(before)
    expect(await send(ingest, [...clicks(), event()])).toEqual(fresh)
    expect(await flushed()).not.toBe(before)
  })
})

describe('what a crash leaves', () => {
  const crash = async (): Promise<void> => {
    await engine.parts[0]!.fault('kill')
    await engine.parts[0]!.fault('restart')
    client = await connectClient()
  }

  it('is every critical event, and none whose commit was only in memory', async () => {
    await using ingest = await open({ settings: { nonCriticalCodes: ['click', 'view'] } })
    const critical = [event(), event({ code: 'click' })]
    const alone = event()
    expect(await send(ingest, [alone])).toEqual(fresh)
    expect(await send(ingest, critical)).toEqual(fresh)
    // Nothing durable comes after these: a later flush would take them along.
    expect(await send(ingest, [event({ code: 'click' })])).toEqual(fresh)
    expect(await send(ingest, [event({ code: 'view' }), event({ code: 'click' })])).toEqual(fresh)
    expect((await storedIds()).length).toBe(6)
    await crash()
    expect(await storedIds()).toEqual(idsOf([alone, ...critical]))
  })

  it('is an empty table where it is unlogged, and a service that goes on', async () => {
    await using ingest = await open({ settings: { unlogged: true } })
    await send(ingest, [event(), event()])
    expect((await storedIds()).length).toBe(2)
    await crash()
    expect(await storedIds()).toEqual([])
    await expect.poll(async () => (await send(ingest, [event()])).state).toBe('stored')
  })
})
