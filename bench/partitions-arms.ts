/** One load of the bench `partitions`. In: which kind of table, chunks of COPY text. Out: rows/s, and CPU and WAL by the row. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { clientConfig } from '../reference-impl/service-kit/postgres/connection.ts'
import { hypertableStatements } from '../reference-impl/service-kit/postgres/hypertable.ts'
import {
  boundsOf,
  partitionName,
  rangesAround,
} from '../reference-impl/service-kit/postgres/partition/ranges.ts'
import { applySchema } from '../reference-impl/service-kit/schema-script.ts'
import { readProcessTimes } from '../src/collect/procfs.ts'
import type { RunningEngine } from '../src/engines/engine.ts'
import { BILLING_COLUMNS } from '../src/shapes/billing/columns.ts'
import { EVENT_EPOCH_MS, benchStream, copyChunks } from './rows.ts'

export type ArmName = 'plain' | 'partitions' | 'hypertable'

export interface Loaded {
  readonly rowsPerS: number
  /** Of all processes of the server. */
  readonly cpuUsPerRow: number
  readonly walBytesPerRow: number
}

/** Every load makes its table anew, and there are three to a round. */
const ROWS = 100_000
export const HOURS = 24
const HOUR_MS = 3_600_000
const COPY = `COPY events (${BILLING_COLUMNS.copy.join(', ')}) FROM STDIN`

type Postgres = RunningEngine<'postgres'>

/** COPY text of a day, made before anything is measured; scattered: neighbours are an hour apart. */
export async function chunksOf(order: 'by-time' | 'scattered'): Promise<readonly Buffer[]> {
  const day = HOURS * HOUR_MS
  const stream = await benchStream(1, (index) =>
    order === 'by-time'
      ? EVENT_EPOCH_MS + (index * day) / ROWS
      : EVENT_EPOCH_MS + (index % HOURS) * HOUR_MS + (index * HOUR_MS) / ROWS,
  )
  // The generator's buffers are of the longest text that could be: copies of what was written are a third of that.
  return Array.from(copyChunks(stream, ROWS), (chunk) => Buffer.from(chunk))
}

/** Into a table that is made for it. @throws Error where not every row is there afterwards */
export async function loadArm(
  engine: Postgres,
  { arm, chunks }: { readonly arm: ArmName; readonly chunks: readonly Buffer[] },
  signal: AbortSignal,
): Promise<Loaded> {
  await engine.control.execute('DROP TABLE IF EXISTS events CASCADE', signal)
  await MAKE[arm](engine, signal)
  await engine.control.checkpoint(signal)
  const client = new pg.Client(clientConfig(engine.addressFor('harness'), 'bench'))
  await client.connect()
  try {
    const walBefore = await walBytes(client)
    const cpuBeforeS = cpuS(engine)
    const startedMs = performance.now()
    for (const chunk of chunks) {
      await pipeline(Readable.from([chunk]), client.query(copyFrom(COPY)), { signal })
    }
    const seconds = (performance.now() - startedMs) / 1_000
    const loaded = {
      rowsPerS: ROWS / seconds,
      cpuUsPerRow: ((cpuS(engine) - cpuBeforeS) * 1e6) / ROWS,
      walBytesPerRow: ((await walBytes(client)) - walBefore) / ROWS,
    }
    await expectWhole(client, arm)
    return loaded
  } finally {
    await client.end()
  }
}

const MAKE: Readonly<Record<ArmName, (engine: Postgres, signal: AbortSignal) => Promise<void>>> = {
  plain: (engine, signal) =>
    applySchema(engine, 'service-kit/postgres/events.sql', { variant: 'default', signal }),

  partitions: async (engine, signal) => {
    const parts = ['range', 'range-key']
    await applySchema(engine, 'pg-partitioned/schema.sql', { variant: 'default', parts, signal })
    const ranges = rangesAround('hour', new Date(EVENT_EPOCH_MS), { behind: 0, ahead: HOURS - 1 })
    const made = ranges.map(
      (range) =>
        `CREATE TABLE ${partitionName('hour', range)} PARTITION OF events FOR VALUES ${boundsOf(range)}`,
    )
    await engine.control.execute(made.join(';\n'), signal)
  },

  hypertable: async (engine, signal) => {
    const file = 'timescale/schema.sql'
    await applySchema(engine, file, { variant: 'table', signal })
    // By time alone, as the partitions are.
    const byTime = { chunkInterval: '1 hour', spacePartitions: 1 } as const
    for (const statement of hypertableStatements(byTime)) {
      await engine.control.execute(statement, signal)
    }
    await applySchema(engine, file, { variant: 'default', parts: ['key'], signal })
  },
}

/** All rows, in as many pieces as the comparison is about. */
async function expectWhole(client: pg.Client, arm: ArmName): Promise<void> {
  const { rows } = await client.query<{ rows: number; pieces: number }>(
    'SELECT count(*)::int AS rows, count(DISTINCT tableoid)::int AS pieces FROM events',
  )
  const expected = { rows: ROWS, pieces: arm === 'plain' ? 1 : HOURS }
  if (rows[0]?.rows !== expected.rows || rows[0].pieces !== expected.pieces) {
    throw new Error(
      `${arm} holds ${JSON.stringify(rows[0])} instead of ${JSON.stringify(expected)}`,
    )
  }
}

async function walBytes(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes`,
  )
  return Number(rows[0]?.bytes)
}

/** What ended meanwhile is in its parent's account. */
function cpuS(engine: Postgres): number {
  return engine.parts
    .flatMap((part) => part.pids())
    .map((pid) => readProcessTimes(pid))
    .reduce((sum, times) => sum + (times === null ? 0 : times.ownS + times.childrenS), 0)
}
