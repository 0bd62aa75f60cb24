/**
 * The lookup and Q1 to Q4 as statements, and the answers of a PostgreSQL that is always current, since the ack came after
 * the commit.
 */
import type pg from 'pg'
import {
  EVENT_QUERIES,
  notAnswered,
  QUERY_ROWS_MAX,
  type Freshness,
  type Query,
  type QueryAnswer,
  type Reads,
} from '../reads.ts'
import { askStatement, readByBoth, type Asker, type Statement, type Told } from './ask.ts'

const PRIMARY: Freshness = {
  source: 'postgres.events',
  lagS: 0,
  consistency: 'strong',
  stale: false,
}

const EVENT = `
SELECT organization_id, transaction_id, external_customer_id, code,
  to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS timestamp,
  properties, value, decimal_value::text AS decimal_value
FROM events WHERE organization_id = $1::uuid AND transaction_id = $2`

/** Says when the event was, and so in which partition it lies. As text: a Date would lose the microseconds. */
const TIME_OF_IDENTITY = `
SELECT timestamp::text AS timestamp FROM event_identities WHERE organization_id = $1::uuid AND transaction_id = $2`

/** Counts as float8: exact up to 2^53, and a number in JSON. */
const Q1 = `
SELECT organization_id, count(*)::float8 AS events FROM events
WHERE timestamp >= $1::timestamptz AND timestamp < $2::timestamptz
GROUP BY organization_id ORDER BY organization_id LIMIT ${String(QUERY_ROWS_MAX + 1)}`

const RANGE = 'timestamp >= $1::timestamptz AND timestamp < $2::timestamptz'

const Q2_SELECT = `
SELECT to_char(date_bin('1 hour', timestamp, 'epoch'::timestamptz) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
  AS bucket, organization_id, code, count(*)::float8 AS events, coalesce(sum(value), 0) AS value
FROM events WHERE `
const Q2_GROUP = `
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT ${String(QUERY_ROWS_MAX + 1)}`

const Q3_SELECT = `
SELECT coalesce(sum(value), 0) AS value, count(*)::float8 AS events FROM events WHERE `

export interface ReadTable {
  /** Whether identities have a table of their own. */
  readonly hasIdentities: boolean
}

export class PostgresReads implements Reads {
  readonly answers = EVENT_QUERIES
  readonly #pool: pg.Pool
  readonly #table: ReadTable

  constructor(pool: pg.Pool, table: ReadTable = { hasIdentities: false }) {
    this.#pool = pool
    this.#table = table
  }

  async lookup(organizationId: string, transactionId: string): Promise<QueryAnswer> {
    return await this.query({ name: 'Q4', organizationId, transactionId })
  }

  async query(query: Query): Promise<QueryAnswer> {
    return { ...(await askPostgres(this.#pool, query, this.#table)), freshness: PRIMARY }
  }
}

export async function askPostgres(asker: Asker, query: Query, table: ReadTable): Promise<Told> {
  return query.name === 'Q4' && table.hasIdentities
    ? await askByIdentity(asker, query)
    : await askStatement(asker, statementOf(query, null), query)
}

/**
 * Asked first: in one statement with the event it would be known too late for the planner to rule out all other
 * partitions. An identity that is not there has no event either, and at no time is one found.
 */
async function askByIdentity(asker: Asker, query: Extract<Query, { name: 'Q4' }>): Promise<Told> {
  const values = [query.organizationId, query.transactionId]
  const { rows } = await asker.query<{ timestamp: string }>(TIME_OF_IDENTITY, values)
  const event = statementOf(query, rows[0]?.timestamp ?? 'infinity')
  const told = await askStatement(asker, event, query)
  if (query.explain !== true) return told
  const identity = { text: TIME_OF_IDENTITY, values }
  return readByBoth(await askStatement(asker, identity, query), told)
}

/** @param time of the one event that is looked for; null where its identity alone finds it */
function statementOf(query: Query, time: string | null): Statement {
  switch (query.name) {
    case 'Q1':
      return { text: Q1, values: [query.from, query.to] }
    case 'Q2': {
      const { where, values } = filterOf(query)
      return { text: Q2_SELECT + where + Q2_GROUP, values }
    }
    case 'Q3': {
      const { where, values } = filterOf(query)
      return { text: Q3_SELECT + where, values }
    }
    case 'Q4':
      return lookupOf(query, time)
    case 'Q9':
    case 'Q10':
    case 'Q11':
      return notAnswered(query.name)
  }
}

function lookupOf(
  { organizationId, transactionId }: Extract<Query, { name: 'Q4' }>,
  time: string | null,
): Statement {
  const identity = [organizationId, transactionId]
  return time === null
    ? { text: EVENT, values: identity }
    : { text: `${EVENT} AND timestamp = $3::timestamptz`, values: [...identity, time] }
}

/** Only the conditions asked for: `$3 IS NULL OR …` would hide the index from the planner. */
function filterOf(query: Extract<Query, { name: 'Q2' | 'Q3' }>): {
  readonly where: string
  readonly values: readonly string[]
} {
  const values = [query.from, query.to]
  let where = RANGE
  if (query.organizationId !== null) {
    values.push(query.organizationId)
    where += ` AND organization_id = $${String(values.length)}::uuid`
  }
  if (query.code !== null) {
    values.push(query.code)
    where += ` AND code = $${String(values.length)}`
  }
  return { where, values }
}
