/** What a service answers about stored events, whatever the store: one lookup and the queries by name. */
import type { QueryName } from '../../src/scenario/scenario.ts'
import type { Door } from './door.ts'
import type { ReadDemand } from './freshness/read-class.ts'
import { isText, readOrganization } from './event.ts'
import { isTimestamp } from './timestamp.ts'

/** Where an answer came from and how old it may be; sent as X-Data-Source, X-Data-Lag-Seconds, X-Consistency-Level. */
export interface Freshness {
  readonly source: string
  /** Upper estimate of how far the answer lags behind acknowledged events. */
  readonly lagS: number
  readonly consistency: 'strong' | 'session' | 'eventual'
  /** The answer may miss acknowledged events for longer than users should accept, or for good. */
  readonly stale: boolean
}

export type Cell = string | number | boolean | null | Readonly<Record<string, unknown>>
export type Row = Readonly<Record<string, Cell>>

export interface QueryAnswer {
  readonly rows: readonly Row[]
  /** Whether rows beyond QUERY_ROWS_MAX were left out. */
  readonly truncated: boolean
  /** What the engine read for it; null where the engine does not tell: PostgreSQL does only when it explains. */
  readonly rowsRead: number | null
  readonly bytesRead: number | null
  /** Of a query that was explained. */
  readonly plan?: Plan
  readonly freshness: Freshness
}

/** How the engine went about a query: the planner's time, and the kinds of nodes from the top down. */
export interface Plan {
  readonly planMs: number
  readonly nodes: readonly string[]
}

export interface Reads {
  /** The queries it answers; the edge refuses the others before they come here. */
  readonly answers: readonly QueryName[]
  /** Null rows: no such event. Rejects when the store does not answer. */
  lookup(organizationId: string, transactionId: string, demand: ReadDemand): Promise<QueryAnswer>
  /** A store that is always current has no use for the demand. */
  query(query: Query, demand: ReadDemand): Promise<QueryAnswer>
}

/** For events that are about entities. */
export interface EntityReads {
  /** No rows: nothing is known of it. Rejects when no copy answers. */
  entity(tenantId: string, entityId: string, demand: ReadDemand): Promise<QueryAnswer>
}

export const QUERY_ROWS_MAX = 10_000
/** What every store of events answers. */
export const EVENT_QUERIES = ['Q1', 'Q2', 'Q3', 'Q4'] as const satisfies readonly QueryName[]

/** Times are RFC 3339; a range is from ≤ timestamp < to. Null organization or code: all of them. */
export type EventQuery =
  | { readonly name: 'Q1'; readonly from: string; readonly to: string }
  | {
      readonly name: 'Q2' | 'Q3'
      readonly organizationId: string | null
      readonly code: string | null
      readonly from: string
      readonly to: string
    }
  | { readonly name: 'Q4'; readonly organizationId: string; readonly transactionId: string }
/** Of attribute writes: entities of a tenant that look like this now, and how many had which value in a range. */
export type AttributeQuery =
  | { readonly name: 'Q9'; readonly tenantId: string }
  | {
      readonly name: 'Q10'
      readonly tenantId: string
      readonly from: string
      readonly to: string
    }
/** Q11 is about the queue itself: what the next claim would find, how much waits, and how long it has. */
export type Query = (EventQuery | AttributeQuery | { readonly name: 'Q11' }) & {
  /** Not for its rows but for what is read for them. An engine that tells with every answer takes no notice. */
  readonly explain?: true
}

export type ReadQuery =
  | { readonly ok: true; readonly query: Query }
  | { readonly ok: false; readonly status: 400 | 404; readonly reason: string }

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

type Params = Readonly<Record<string, unknown>>

/** How parameters name the identity of an event, and when they are read. */
export interface ReadContext {
  readonly columns: Door<unknown>['columns']
  readonly nowMs: number
}

/** In: the name and URL parameters as they came. Out: a query every store answers alike, or what is wrong with them. */
export function readQuery(name: string, params: Params, context: ReadContext): ReadQuery {
  const { columns, nowMs } = context
  switch (name) {
    case 'Q1':
      return readRange(params, { lengthMs: HOUR_MS, nowMs }, (from, to) => ({ name, from, to }))
    case 'Q2':
    case 'Q3': {
      const filter = readFilter(params)
      if (typeof filter === 'string') return bad(filter)
      return readRange(params, { lengthMs: DAY_MS, nowMs }, (from, to) => ({
        name,
        ...filter,
        from,
        to,
      }))
    }
    case 'Q4':
      return readIdentity(columns, params[columns.source], params[columns.id])
    case 'Q9':
    case 'Q10': {
      const tenantId = readOrganization(params[columns.source])
      if (tenantId === null) return bad(`${columns.source} must be a UUID`)
      if (name === 'Q9') return { ok: true, query: { name, tenantId } }
      return readRange(params, { lengthMs: 30 * DAY_MS, nowMs }, (from, to) => ({
        name,
        tenantId,
        from,
        to,
      }))
    }
    case 'Q11':
      return { ok: true, query: { name } }
    default:
      return { ok: false, status: 404, reason: 'there is no such query' }
  }
}

/** For a query that is none of `answers`: the edge has refused it before. */
export function notAnswered(name: Query['name']): never {
  throw new Error(`${name} is not answered here`)
}

export function readIdentity(
  { source, id }: ReadContext['columns'],
  organization: unknown,
  transactionId: unknown,
): ReadQuery {
  const organizationId = readOrganization(organization)
  if (organizationId === null) return bad(`${source} must be a UUID`)
  if (!isText(transactionId)) return bad(`${id} must be a text of 1 to 255 characters`)
  return { ok: true, query: { name: 'Q4', organizationId, transactionId } }
}

function readFilter(
  params: Params,
): { readonly organizationId: string | null; readonly code: string | null } | string {
  const organization = params['organization_id']
  const organizationId = organization === undefined ? null : readOrganization(organization)
  if (organization !== undefined && organizationId === null) return 'organization_id must be a UUID'
  const code = params['code'] ?? null
  if (code !== null && !isText(code)) return 'code must be a text of 1 to 255 characters'
  return { organizationId, code }
}

/** `from` and `to` where given; else the stretch that ends at `asOf`, which is now where it is not given. */
function readRange(
  params: Params,
  preset: { readonly lengthMs: number; readonly nowMs: number },
  make: (from: string, to: string) => Query,
): ReadQuery {
  for (const name of ['asOf', 'from', 'to'] as const) {
    const value = params[name]
    if (value !== undefined && (typeof value !== 'string' || !isTimestamp(value))) {
      return bad(`${name} must be an RFC 3339 time with a zone (write + as %2B)`)
    }
  }
  const asOf = (params['asOf'] as string | undefined) ?? new Date(preset.nowMs).toISOString()
  const to = (params['to'] as string | undefined) ?? asOf
  const from =
    (params['from'] as string | undefined) ??
    new Date(Date.parse(to) - preset.lengthMs).toISOString()
  return { ok: true, query: make(from, to) }
}

function bad(reason: string): ReadQuery {
  return { ok: false, status: 400, reason }
}
