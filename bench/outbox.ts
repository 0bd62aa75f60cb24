/**
 * What an outbox costs: events stored, delivered and completed, beside pg-batch storing the same rows. Both sides take turns
 * on engines of their own; the rate of the outbox runs until its table is empty.
 */
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { median } from './bench-row.ts'
import type { Ingested, PostgresTarget } from './ingest.ts'
import { ingest, startPostgresTarget } from './ingest.ts'
import { quietRounds } from './quiet-rounds.ts'

const SECONDS = 6
const WARM_SECONDS = 3
/** docs/speed.md: written down before anything was measured. */
const REACH = 0.5
const CASES = [
  { what: 'single events', connections: 256, batchEvents: 1 },
  { what: 'arrays of 100', connections: 32, batchEvents: 100 },
] as const

/** A row that is gone from the outbox was delivered or given up, and a delivery may come twice: neither is an event delivered. */
const NOT_DELIVERED = `
SELECT CASE WHEN (rows, once, dead) IS DISTINCT FROM ($1::bigint, $1::bigint, 0::bigint)
  THEN format('the receiver holds %s rows of %s events where %s were sent, and %s were given up', rows, once, $1::bigint, dead)
  END AS missing
FROM (SELECT count(*) AS rows, count(DISTINCT (organization_id, transaction_id)) AS once FROM delivered_1) AS delivered,
  (SELECT count(*) AS dead FROM outbox_dead) AS given_up`

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const { signal } = options
  await using outbox = await startPostgresTarget('outbox', signal, {
    tables: ['outbox', 'outbox_dead', 'delivered_1'],
    settled: 'SELECT NOT EXISTS (SELECT FROM outbox) AS done',
    missing: NOT_DELIVERED,
  })
  await using peer = await startPostgresTarget('pg-batch', signal)
  const rows: BenchRow[] = []
  for (const one of CASES) rows.push(await compare(one, { outbox, peer }, options))
  return rows
}

async function compare(
  one: (typeof CASES)[number],
  { outbox, peer }: { readonly outbox: PostgresTarget; readonly peer: PostgresTarget },
  options: BenchOptions,
): Promise<BenchRow> {
  let seed = 1
  const load = (target: PostgresTarget, seconds: number): Promise<Ingested> => {
    const { connections, batchEvents } = one
    return ingest(target, { seed: seed++, connections, batchEvents, seconds }, options.signal)
  }
  const drained: Ingested[] = []
  const ours = async (): Promise<number> => {
    const loaded = await load(outbox, SECONDS)
    drained.push(loaded)
    return loaded.settledPerS
  }
  await load(outbox, WARM_SECONDS)
  await load(peer, WARM_SECONDS)
  const { quiet, conditions, ...compared } = await quietRounds(options, {
    ours,
    peer: async () => (await load(peer, SECONDS)).storedPerS,
  })
  const cores = (of: (loaded: Ingested) => number): string => median(drained.map(of)).toFixed(2)
  const isShort = compared.ratio !== null && compared.ratio.mid < REACH
  const notes = [
    `stored at ${Math.round(median(drained.map((loaded) => loaded.storedPerS))).toLocaleString('en')}/s while it drained`,
    `cores taken until drained: database ${cores(({ databaseCores }) => databaseCores)}, service, worker and sink ${cores(({ serviceCores }) => serviceCores)}`,
    isShort
      ? 'the bottleneck: all of them share the cores; an event is written four times (event, outbox row, claim, delivery) and deleted once'
      : null,
    conditions,
  ]
  return {
    what: `outbox: ${one.what} stored, delivered and completed`,
    ...compared,
    peerName: 'pg-batch, the same rows stored',
    unit: 'events/s',
    bar: `≥ ${REACH.toFixed(1)} ×`,
    met: compared.ratio === null || !quiet ? null : compared.ratio.mid >= REACH,
    note: notes.filter((note) => note !== null).join('; '),
  }
}
