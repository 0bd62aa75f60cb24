/**
 * Infrastructure under test. In: settings and a provider. Out: a running engine with addresses, parts, probes and
 * readers of its stores. It knows nothing of architectures.
 */
import type { Part } from '../architecture/part.ts'
import type { Probe } from '../collect/probe.ts'
import type { VerifiedTls } from '../kit/tls.ts'
import type { EventColumns } from '../shapes/event-columns.ts'
import type { ComposeProject } from './compose/project.ts'
import type { RedisAddress } from './redis/address.ts'
import type { StatementCount } from './statement-count.ts'

/** How each kind of engine is reached. A new engine adds one line here. */
export interface EngineAddress {
  postgres: PostgresAddress
  clickhouse: ClickHouseAddress
  redis: RedisAddress
  /** Spoken to as the PostgreSQL behind it. */
  pgbouncer: PostgresAddress
}
export type EngineKind = keyof EngineAddress

/** Engines that hold events and can be audited. */
export type StoringKind = 'postgres' | 'clickhouse'

export interface PostgresAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Absent where the server asks for none. A secret: never printed, never recorded. */
  readonly password?: string
  /** The one schema to work in, where the role may not make a database of its own; absent: the server's search path. */
  readonly schema?: string
  readonly tls: 'off' | VerifiedTls
}

export interface ClickHouseAddress {
  /** http(s)://host:port, without user or password. */
  readonly url: string
  readonly database: string
  readonly user: string
  readonly password?: string
  /** How https is verified; absent: against Node.js's own list of authorities. */
  readonly tls?: VerifiedTls
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
  /** Where it is written down before it is created; a user's own server is not touched without. */
  readonly ledgerDir?: string
  readonly signal: AbortSignal
  readonly log: (line: string) => void
}

/** What a target asks for, and where from. `address` is the user's own server. */
export type EngineRequest<Kind extends EngineKind> = Wanted &
  (
    | { readonly provider: 'embedded' }
    | { readonly provider: 'compose'; readonly project: ComposeProject }
    | { readonly provider: 'external'; readonly address: EngineAddress[Kind] }
  )

interface Wanted {
  readonly settings: EngineSettings
  /** Extensions that must be there when it is ready; absent: none. */
  readonly extensions?: readonly string[]
  /** Extensions that are made where it can have them; absent: none. */
  readonly wants?: readonly string[]
  /** What it stands on: the primary of a replica, the server behind a pooler. Absent: it stands alone. */
  readonly upstream?: RunningEngine
}

/** An engine whose named tables are watched. */
export type ObservedServer<Kind extends StoringKind = StoringKind> = RunningEngine<Kind> & {
  readonly tables: readonly Sized[]
  /** Those of the named tables that are not there, or that this user cannot see. */
  missingTables(signal: AbortSignal): Promise<readonly string[]>
}

/** A store, or a table, whose size can be asked. */
export type Sized = Pick<Store, 'name' | 'size'>

export interface ObserveOptions {
  /** Unique in the run. */
  readonly name: string
  /** Tables whose rows and bytes are watched. */
  readonly tables: readonly string[]
  /** Whether `control.checkpoint` may really run one. */
  readonly checkpoint: boolean
  readonly signal: AbortSignal
}

export interface StatementOptions {
  /** What records and reports call what it yields. */
  readonly name: string
  /** One query of the user's own. */
  readonly statement: string
  readonly signal: AbortSignal
}

/** Processes started here, containers of docker-compose.yml, or the user's own server. */
export type Provider = EngineRequest<EngineKind>['provider']

export interface RunningEngine<Kind extends EngineKind = EngineKind> extends AsyncDisposable {
  readonly kind: Kind
  readonly name: string
  readonly provider: Provider
  /** What a report calls it: `postgres 18.4 (compose, postgres:18.4)`, `clickhouse-local 26.7.3`. */
  readonly label: string
  readonly version: string
  /** Settings that differ from the engine's own defaults, as the engine reports them; no secrets. */
  readonly settings: EngineSettings
  /** What a reader of its figures must know of a user's own server; absent: nothing. */
  readonly notes?: ServerNotes
  /** Where it runs in a container. */
  readonly image?: EngineImage
  /** What this server can do that another of its kind may not, found by asking it: `lz4: yes`. */
  readonly facts?: EngineFacts
  /** `session`: where what belongs to a session works (LISTEN, advisory locks): never through a transaction pooler. */
  addressFor(who: 'harness' | 'service' | 'session'): EngineAddress[Kind]
  readonly parts: readonly Part[]
  /** Asked anew after an architecture has opened its stores: each store adds a probe of its size. */
  readonly probes: readonly Probe[]
  /** Resolves with a sentence when the engine dies without being asked to; never rejects. */
  readonly crashed: Promise<string>
  /** What the harness asks of the engine between phases. */
  readonly control: EngineControl
  /** Running totals per statement since the server began; none where it does not count. Absent: it never does. */
  readonly statements?: (signal: AbortSignal) => Promise<readonly StatementCount[]>
}

/** A running engine that holds events. */
export interface StoringEngine<Kind extends StoringKind = StoringKind> extends RunningEngine<Kind> {
  /** A reader of a table of events of this engine, under the harness's own address. */
  eventsStore(options: EventsStoreOptions): Store
  /**
   * Rows of one query, streamed, every column as text and none of them NULL: what an architecture keeps beside its stores,
   * read under the harness's own address.
   */
  textRows(query: string, signal: AbortSignal): AsyncIterable<readonly (readonly string[])[]>
}

/** What runs, by its kind. */
export type EngineOf<Kind extends EngineKind> = Kind extends StoringKind
  ? StoringEngine<Kind>
  : RunningEngine<Kind>

/** Why figures of a server that is not ours may say less than those of an embedded one. */
export interface ServerNotes {
  /** Settings of a user's own server are compared with what the target asks for, and never changed. */
  readonly settingsNotInForce: readonly SettingNotInForce[]
  /** Sentences without a full stop: what is not seen, not run or not this run's alone, and the right that would change it. */
  readonly unseen: readonly string[]
}

export interface SettingNotInForce {
  readonly name: string
  readonly asked: string
  /** What the server uses, or why that is not known. */
  readonly inForce: string
}

export interface EngineImage {
  /** As docker-compose.yml names it: `postgres:18.4`. */
  readonly name: string
  /** `sha256:…` of the image's configuration. */
  readonly id: string
  /** `sha256:…` of the registry it came from; null where it was built or loaded here: such a one is not the official. */
  readonly digest: string | null
}

export type EngineFacts = Readonly<Record<string, string>>

export interface EventsStoreOptions {
  /** What records and reports call the store: `postgres.events`. */
  readonly name: string
  /** Table that is written. */
  readonly table: string
  /** Table or view that queries read; the same as `table` where nothing stands between. */
  readonly readable: string
  /** What the table calls them; absent: as billing events are called. */
  readonly columns?: EventColumns
  /** Tables kept beside it, such as its keys: their bytes are the store's own. */
  readonly beside?: readonly string[]
  /** Where bulk load goes, where that is not the table itself; absent: there. */
  readonly load?: LoadedThrough
}

/** A table that rows are copied into first. */
export interface LoadedThrough {
  readonly table: string
  /** Statements that take the rows on to where they belong. */
  readonly then: readonly string[]
}

/** Only PostgreSQL has something to do: every part of ClickHouse is whole when its insert is acknowledged. */
export type CheckpointOutcome = 'made' | 'nothing-to-do'

export interface EngineControl {
  /** PostgreSQL CHECKPOINT. Rejects when the engine refuses. */
  checkpoint(signal: AbortSignal): Promise<CheckpointOutcome>
  /**
   * Runs a script in the engine's own language: SQL, a line each of Redis's commands or of PgBouncer's console. The
   * harness's own right, never the service's.
   */
  execute(sql: string, signal: AbortSignal): Promise<void>
  /** Runs a script in a session that stays open until it is disposed of; absent: the engine has no such sessions. */
  hold?(sql: string, signal: AbortSignal): Promise<AsyncDisposable>
  /** Absent: nothing of it is archived. */
  readonly recovery?: EngineRecovery
}

/** A base backup and an archive of the log, from which an engine whose data is gone is made again. */
export interface EngineRecovery {
  /** Made while it runs; the one before is replaced. */
  backUp(signal: AbortSignal): Promise<void>
  /** Notes how far the log is, after `backUp`, until the signal ends it: rejects then, and when the engine does not answer. */
  follow(signal: AbortSignal): Promise<void>
  /** A moment that can be restored to; the one before is replaced. */
  markPoint(signal: AbortSignal): Promise<void>
  /** The engine is down and its data removed; backup and archive are elsewhere. */
  loseData(): Promise<void>
  /** From the backup and the archive, up to the archive's end or to the point; what came later is gone. */
  restore(to: 'archive-end' | 'point', signal: AbortSignal): Promise<RestoredTo>
}

export interface RestoredTo {
  /** In words: `the end of the archive, segment 000000010000000000000007`. */
  readonly upTo: string
  /** Wall-clock milliseconds: what was acknowledged before must be there again. */
  readonly keptUntilMs: number
}

/** One row as the store holds it, as little of it as the audit needs. */
export interface StoredRows {
  /** The event's id in each row. */
  readonly ids: readonly string[]
  /** Its source: identity is the pair. */
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

/** Of a store that takes a round of polls to look at: its next part, or all of it at once. Others always show all. */
export type Reach = 'in-turn' | 'everywhere'

/** Rows that became visible since a cursor. `cursor` is opaque to the caller. */
export interface Arrivals {
  readonly ids: readonly string[]
  readonly sources: readonly string[]
  readonly cursor: unknown
  /** Polls until every part of the store was looked at, those that rows seldom come into included; absent: one. */
  readonly roundPolls?: number
}

/** A reader of what is stored: the harness audits with it, never the service. */
export interface Store {
  /** `postgres.events`, `clickhouse.events_raw`. */
  readonly name: string
  readonly engine: StoringKind
  /** Every raw row, streamed in batches; memory stays flat. Throws ReadCancelled where the server ends it half-way. */
  rows(signal: AbortSignal): AsyncIterable<StoredRows>
  /** Ids through the published query view (after deduplication where the store has one). */
  readable(signal: AbortSignal): AsyncIterable<StoredRows>
  totals(signal: AbortSignal): Promise<StoreTotals>
  /** Ids that became readable since `cursor` (null: from now on). May repeat an id; never skips one for good. */
  arrivals(cursor: unknown, signal: AbortSignal, reach?: Reach): Promise<Arrivals>
  /** Bulk load before the run: `text` is COPY text rows in the column order of the store's own shape. */
  load(rows: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void>
  /** Bytes on disk of the store's tables. */
  size(signal: AbortSignal): Promise<StoreSize>
}

export interface StoreSize {
  readonly rows: number
  readonly heapBytes: number
  readonly indexBytes: number
  readonly totalBytes: number
  /** Bytes by definition, all partitions together: `UNIQUE btree (organization_id, transaction_id)`. Absent: not asked. */
  readonly indexes?: Record<string, number>
}
