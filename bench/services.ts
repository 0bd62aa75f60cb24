/**
 * What a service in front of PostgreSQL costs: events over HTTP beside PostgreSQL's own clients on the same running
 * engine, table, indexes, statement and durability. Rates are of rows counted in the table.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventStatements } from '../reference-impl/service-kit/postgres/statements.ts'
import { BILLING_COLUMNS } from '../src/shapes/billing/columns.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { median } from './bench-row.ts'
import { isInstalled, libpqEnv, psqlSeconds, runCommand } from './command.ts'
import type { Ingested, PostgresTarget } from './ingest.ts'
import { ingest, startPostgresTarget } from './ingest.ts'
import { quietRounds } from './quiet-rounds.ts'
import { writeCopyFile, sampleEvent } from './rows.ts'

const SECONDS = 6
const WARM_SECONDS = 3
const PGBENCH_CLIENTS = 32
const COPIED_ROWS = 300_000
const EVENT_LOOP_FULL_CORES = 0.85
const UNIT = 'events/s'
const US_PER_S = 1e6

interface Case {
  readonly what: string
  readonly architecture: string
  readonly connections: number
  readonly batchEvents: number
  readonly peer: 'pgbench' | 'psql'
  readonly peerName: string
  readonly reach: number
}

const CASES: readonly Case[] = [
  {
    what: 'pg-direct: single events over HTTP',
    architecture: 'pg-direct',
    connections: 32,
    batchEvents: 1,
    peer: 'pgbench',
    peerName: `pgbench, ${PGBENCH_CLIENTS} clients, same statement`,
    reach: 0.6,
  },
  {
    what: 'pg-batch: single events over HTTP, micro-batched',
    architecture: 'pg-batch',
    connections: 256,
    batchEvents: 1,
    peer: 'pgbench',
    peerName: `pgbench, ${PGBENCH_CLIENTS} clients, single rows`,
    reach: 1,
  },
  {
    what: 'pg-batch: arrays of 100 over HTTP',
    architecture: 'pg-batch',
    connections: 32,
    batchEvents: 100,
    peer: 'psql',
    peerName: 'psql \\copy into the same indexed table',
    reach: 0.6,
  },
]

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = []
  for (const one of CASES) rows.push(await compare(one, options))
  return rows
}

async function compare(one: Case, options: BenchOptions): Promise<BenchRow> {
  const { signal, log } = options
  await using target = await startPostgresTarget(one.architecture, signal)
  let seed = 1
  const loads: Ingested[] = []
  const load = async (seconds: number): Promise<Ingested> => {
    const { connections, batchEvents } = one
    return await ingest(target, { seed: seed++, connections, batchEvents, seconds }, signal)
  }
  const ours = async (): Promise<number> => {
    const loaded = await load(SECONDS)
    loads.push(loaded)
    return loaded.storedPerS
  }
  if (!isInstalled(one.peer)) log(`bench: ${one.peer} is not installed: no ratio to it`)
  const peer = isInstalled(one.peer) ? await peerOf(one, target, signal) : null
  // A service compiles while it is cold, and a database has to grow its files.
  await load(WARM_SECONDS)
  await peer?.()
  loads.length = 0
  const { quiet, conditions, ...compared } = await quietRounds(options, { ours, peer })
  const met = compared.ratio === null || !quiet ? null : compared.ratio.mid >= one.reach
  const isShort = compared.ratio !== null && compared.ratio.mid < one.reach
  const notes = [
    peer === null ? `${one.peer} is not installed` : null,
    `${one.connections} connections; cores taken: ${coresOf(loads)}`,
    isShort ? bottleneckOf(loads) : null,
    conditions,
  ]
  return {
    what: one.what,
    ...compared,
    peerName: one.peerName,
    unit: UNIT,
    bar: `≥ ${one.reach.toFixed(1)} ×`,
    met,
    note: notes.filter((note) => note !== null).join('; '),
  }
}

/** Cores, and what an event cost: the latter moves less on a machine that others use as well. */
function coresOf(loads: readonly Ingested[]): string {
  const taken = (of: (load: Ingested) => number): string => {
    const cores = median(loads.map(of))
    const usPerEvent = median(loads.map((load) => (of(load) * US_PER_S) / load.storedPerS))
    return `${cores.toFixed(2)} (${usPerEvent.toFixed(0)} µs an event)`
  }
  const client = taken(({ cpuS, seconds }) => cpuS / seconds)
  const service = taken(({ serviceCores }) => serviceCores)
  const database = taken(({ databaseCores }) => databaseCores)
  return `service ${service}, database ${database}, loading client ${client}`
}

/** One event loop is full at one core; below that, all three share what cores there are. */
function bottleneckOf(loads: readonly Ingested[]): string {
  const serviceCores = median(loads.map((load) => load.serviceCores))
  return serviceCores > EVENT_LOOP_FULL_CORES
    ? "the bottleneck: the service's event loop is full"
    : 'the bottleneck: service, database and client share the cores, the peer has no service to feed'
}

async function peerOf(
  one: Case,
  target: PostgresTarget,
  signal: AbortSignal,
): Promise<() => Promise<number>> {
  return one.peer === 'pgbench' ? await pgbenchOf(target, signal) : await psqlCopyOf(target, signal)
}

/** The service's INSERT with one event's texts; identity is drawn by pgbench, so that nothing conflicts. */
async function pgbenchOf(
  target: PostgresTarget,
  signal: AbortSignal,
): Promise<() => Promise<number>> {
  const event = await sampleEvent()
  // pgbench reads `:name` as a variable in a literal as well; JSON does not mind the space.
  const quoted = (text: string): string => `'${text.replaceAll("'", "''").replaceAll(':', ': ')}'`
  const values = [
    `('00000000-0000-4000-8000-' || lpad(:organization::text, 12, '0'))`,
    `(lpad(to_hex(:high::bigint), 16, '0') || lpad(to_hex(:low::bigint), 20, '0'))`,
    `('cust_' || :customer)`,
    quoted(event.code),
    'now()',
    quoted(event.properties),
    event.value ?? 'NULL',
  ]
  const { insertOne } = eventStatements({ identity: 'first-wins', relaxed: false })
  const statement = insertOne.replaceAll(
    /\$(\d)/g,
    (_, n: string) => `(${values[Number(n) - 1] ?? ''})`,
  )
  const script = [
    '\\set organization random_zipfian(1, 20, 1.1)',
    '\\set customer random_zipfian(1, 10000, 1.1)',
    '\\set high random(1, 9000000000000000000)',
    '\\set low random(1, 9000000000000000000)',
    `${statement.trim().replaceAll('\n', ' ')};`,
  ]
  const file = join(target.dir, 'insert.pgbench')
  await writeFile(file, `${script.join('\n')}\n`)
  const args = `-n -M prepared -c ${PGBENCH_CLIENTS} -j 2 -T ${SECONDS} -f`.split(' ')
  return async () => {
    await target.empty()
    const env = libpqEnv(target.address)
    const { stdout } = await runCommand('pgbench', [...args, file], { env, signal })
    const tps = Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
    const done = Number(/transactions actually processed: (\d+)/.exec(stdout)?.[1])
    const stored = await target.rows()
    if (!(tps > 0) || stored !== done) {
      throw new Error(`pgbench did ${done} transactions at ${tps}/s and left ${stored} rows`)
    }
    return tps
  }
}

async function psqlCopyOf(
  target: PostgresTarget,
  signal: AbortSignal,
): Promise<() => Promise<number>> {
  const file = join(target.dir, 'events.copy')
  await writeCopyFile(file, COPIED_ROWS)
  const command = `\\copy events (${BILLING_COLUMNS.copy.join(', ')}) FROM '${file}'`
  return async () => {
    await target.empty()
    const seconds = await psqlSeconds(['-c', command], target.address, signal)
    return (await target.rows()) / seconds
  }
}
