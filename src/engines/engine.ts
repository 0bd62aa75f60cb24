/**
 * Infrastructure under test. In: settings and a provider. Out: a running engine with addresses, parts, probes and
 * readers of its stores. It knows nothing of architectures.
 */
import type { Part } from '../architecture/part.ts'
import type { Probe } from '../collect/probe.ts'

/** How each kind of engine is reached. A new engine adds one line here. */
export interface EngineAddress {
  postgres: PostgresAddress
  clickhouse: ClickHouseAddress
}
export type EngineKind = keyof EngineAddress

export interface PostgresAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Absent where the server asks for none. A secret: never printed, never recorded. */
  readonly password?: string
  readonly tls: 'off' | 'verify'
}

export interface ClickHouseAddress {
  /** http(s)://host:port, without user or password. */
  readonly url: string
  readonly database: string
  readonly user: string
  readonly password?: string
}

export type EngineSettings = Readonly<Record<string, string>>

export interface EngineContext {
  /** Where this engine keeps data; removed after the run. */
  readonly dataDir: string
  /** Where its log goes; kept with the run. */
  readonly logDir: string
  /** Unique in the run: `postgres`, `clickhouse`, `database-2`. */
  readonly name: string
  /** Names what is created on a user's own server. */
  readonly runId: string
  readonly signal: AbortSignal
  readonly log: (line: string) => void
}

/** What a target asks for, and where from. `address` is the user's own server. */
export type EngineRequest<Kind extends EngineKind> =
  | { readonly provider: 'embedded'; readonly settings: EngineSettings }
  | {
      readonly provider: 'external'
      readonly settings: EngineSettings
      readonly address: EngineAddress[Kind]
    }

export interface RunningEngine<Kind extends EngineKind = EngineKind> extends AsyncDisposable {
  readonly kind: Kind
  readonly name: string
  readonly provider: 'embedded' | 'external'
  /** What a report calls it: `postgres 18.4`, `clickhouse-local 26.7.3`. */
  readonly label: string
  readonly version: string
  /** Settings that differ from the engine's own defaults, as the engine reports them; no secrets. */
  readonly settings: EngineSettings
  addressFor(who: 'harness' | 'service'): EngineAddress[Kind]
  readonly parts: readonly Part[]
  /** Asked anew after an architecture has opened its stores: each store adds a probe of its size. */
  readonly probes: readonly Probe[]
  /** Resolves with a sentence when the engine dies without being asked to; never rejects. */
  readonly crashed: Promise<string>
  /** What the harness asks of the engine between phases. */
  readonly control: EngineControl
  /** A reader of a billing-events table of this engine, under the harness's own address. */
  eventsStore(options: EventsStoreOptions): Store
}

export interface EventsStoreOptions {
  /** What records and reports call the store: `postgres.events`. */
  readonly name: string
  /** Table that is written. */
  readonly table: string
  /** Table or view that queries read; the same as `table` where nothing stands between. */
  readonly readable: string
}

export interface EngineControl {
  /** PostgreSQL CHECKPOINT; ClickHouse has nothing to do. Rejects when the engine refuses. */
  checkpoint(signal: AbortSignal): Promise<void>
  /** Runs a script of statements (schema, preload); the harness's own right, never the service's. */
  execute(sql: string, signal: AbortSignal): Promise<void>
}

/** One row as the store holds it, as little of it as the audit needs. */
export interface StoredRows {
  /** transaction_id of each row. */
  readonly ids: readonly string[]
  /** organization_id of each row: identity is the pair. */
  readonly sources: readonly string[]
  readonly values: Float64Array
}

export interface StoreTotals {
  readonly rows: number
  readonly distinctIds: number
  /** Sum of value × 64 over all rows: values are multiples of 1/64, so it is exact. */
  readonly value64Sum: bigint
  readonly rowsByOrganization: ReadonlyMap<string, number>
}

/** Rows that became visible since a cursor. `cursor` is opaque to the caller. */
export interface Arrivals {
  readonly ids: readonly string[]
  readonly sources: readonly string[]
  readonly cursor: unknown
}

/** A reader of what is stored: the harness audits with it, never the service. */
export interface Store {
  /** `postgres.events`, `clickhouse.events_raw`. */
  readonly name: string
  readonly engine: EngineKind
  /** Every raw row, streamed in batches; memory stays flat. */
  rows(signal: AbortSignal): AsyncIterable<StoredRows>
  /** Ids through the published query view (after deduplication where the store has one). */
  readable(signal: AbortSignal): AsyncIterable<StoredRows>
  totals(signal: AbortSignal): Promise<StoreTotals>
  /** Ids that became readable since `cursor` (null: from now on). May repeat an id; never skips one for good. */
  arrivals(cursor: unknown, signal: AbortSignal): Promise<Arrivals>
  /** Bulk load before the run: `text` is COPY text rows in the column order of shapes/billing. */
  load(rows: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void>
  /** Bytes on disk of the store's tables. */
  size(signal: AbortSignal): Promise<StoreSize>
}

export interface StoreSize {
  readonly rows: number
  readonly heapBytes: number
  readonly indexBytes: number
  readonly totalBytes: number
}
