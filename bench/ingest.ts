/** A target under a closed loop of events. In: an architecture. Out: events per second, counted in its store. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { clientConfig } from '../reference-impl/service-kit/postgres/connection.ts'
import type { Part } from '../src/architecture/part.ts'
import { PartCpu } from '../src/collect/parts.ts'
import type { PostgresAddress } from '../src/engines/engine.ts'
import { silentLog } from '../src/kit/log.ts'
import { compiledEntry } from '../src/kit/paths.ts'
import { Scope } from '../src/kit/scope.ts'
import { Target } from '../src/target/target.ts'
import type { RunningTarget } from '../src/target/up.ts'
import { bringUp } from '../src/target/up.ts'
import { runCommand } from './command.ts'

const SETTLED_EVERY_MS = 10

export interface IngestLoad {
  readonly url: string
  readonly seed: number
  readonly connections: number
  readonly batchEvents: number
  readonly seconds: number
}

export interface IngestLoaded {
  readonly requests: number
  readonly notAccepted: number
  /** From the first request sent to the last answer. */
  readonly seconds: number
  /** CPU of the loading process. */
  readonly cpuS: number
}

export interface PostgresTarget extends AsyncDisposable {
  readonly up: RunningTarget
  readonly address: PostgresAddress
  /** Files of the bench; removed with the target. */
  readonly dir: string
  /** Empties the table and writes everything back, so that every measurement starts alike. */
  empty(): Promise<void>
  rows(): Promise<number>
  /** Resolves when whatever follows the ack is done too. */
  settled(signal: AbortSignal): Promise<void>
  /** What of so many events is not where it has to be once all is settled; null: nothing. */
  missing(events: number): Promise<string | null>
}

/** What an architecture holds beside its events. */
export interface Beside {
  readonly tables: readonly string[]
  /** SQL that yields one row, `done`. */
  readonly settled: string
  /** SQL that yields one row, `missing`, once that is so: $1 is how many events were sent. */
  readonly missing: string
}

const NOTHING_BESIDE: Beside = {
  tables: [],
  settled: 'SELECT true AS done',
  missing: 'SELECT NULL AS missing WHERE $1::bigint > 0',
}

/** @param architecture one whose only engine is PostgreSQL in the role `database` */
export async function startPostgresTarget(
  architecture: string,
  signal: AbortSignal,
  beside: Beside = NOTHING_BESIDE,
): Promise<PostgresTarget> {
  await using scope = new Scope()
  const dir = await mkdtemp(join(tmpdir(), 'headroom-bench-'))
  scope.defer(() => rm(dir, { recursive: true, force: true }))
  const logDir = join(dir, 'logs')
  await mkdir(logDir)
  const up = scope.use(
    await bringUp({
      target: Target.parse({ kind: 'architecture', name: architecture, architecture }),
      external: {},
      dataDir: join(dir, 'data'),
      logDir,
      runId: 'bench',
      signal,
      log: silentLog,
      onEngineReady: () => undefined,
    }),
  )
  const database = up.engines.find(({ role }) => role === 'database')?.engine
  if (database?.kind !== 'postgres') throw new Error(`${architecture} has no PostgreSQL`)
  const address = database.addressFor('harness') as PostgresAddress
  const client = new pg.Client(clientConfig(address, 'bench'))
  await client.connect()
  scope.defer(() => client.end())
  const owned = scope.move()
  return {
    up,
    address,
    dir,
    empty: async () => {
      await client.query(`TRUNCATE ${['events', ...beside.tables].join(', ')}`)
      await database.control.checkpoint(signal)
    },
    rows: async () => {
      const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM events')
      return Number(rows[0]?.count)
    },
    settled: async (within) => {
      for (;;) {
        const { rows } = await client.query<{ done: boolean }>(beside.settled)
        if (rows[0]?.done === true) return
        await delay(SETTLED_EVERY_MS, undefined, { signal: within })
      }
    },
    missing: async (events) => {
      const { rows } = await client.query<{ missing: string | null }>(beside.missing, [events])
      return rows[0]?.missing ?? null
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

export interface Ingested extends IngestLoaded {
  readonly storedPerS: number
  /** The same up to the moment when all that follows the ack was done. */
  readonly settledPerS: number
  /** Cores taken while it was loaded. */
  readonly serviceCores: number
  readonly databaseCores: number
}

/** Empties the store first. @throws Error when an event was not accepted: a rate with losses is no rate */
export async function ingest(
  target: PostgresTarget,
  load: Omit<IngestLoad, 'url'>,
  signal: AbortSignal,
): Promise<Ingested> {
  await target.empty()
  const whole: IngestLoad = { ...load, url: target.up.running.ingestUrl.href }
  const entry = compiledEntry('bench/ingest-load/main.ts')
  const service = watchCpu(target.up.running.parts)
  const database = watchCpu(target.up.engines.flatMap(({ engine }) => engine.parts))
  const { stdout } = await runCommand(process.execPath, [entry, JSON.stringify(whole)], { signal })
  const loaded = JSON.parse(stdout) as IngestLoaded
  const loadedAtMs = performance.now()
  await target.settled(signal)
  const settledS = loaded.seconds + (performance.now() - loadedAtMs) / 1_000
  const [serviceS, databaseS] = [service(), database()]
  const stored = await target.rows()
  const sent = loaded.requests * load.batchEvents
  if (loaded.notAccepted > 0 || stored !== sent) {
    throw new Error(
      `${loaded.notAccepted} requests not accepted, ${stored} of ${sent} events stored`,
    )
  }
  const missing = await target.missing(sent)
  if (missing !== null) throw new Error(missing)
  return {
    ...loaded,
    storedPerS: stored / loaded.seconds,
    settledPerS: stored / settledS,
    serviceCores: serviceS / settledS,
    databaseCores: databaseS / settledS,
  }
}

/** @returns CPU seconds since */
function watchCpu(parts: readonly Part[]): () => number {
  const accounts = parts.map((part) => new PartCpu(part))
  const totalS = (): number => accounts.reduce((sum, account) => sum + account.totalS(), 0)
  const before = totalS()
  return () => totalS() - before
}
