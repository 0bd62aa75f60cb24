/** The lookup and Q1 to Q4 on ClickHouse, through the deduplicated view. */
import type { ClickHouseClient } from '@clickhouse/client'
import {
  EVENT_QUERIES,
  notAnswered,
  QUERY_ROWS_MAX,
  type Cell,
  type Freshness,
  type Query,
  type QueryAnswer,
  type Reads,
  type Row,
} from '../reads.ts'

const EVENT = `
SELECT organization_id, transaction_id, external_customer_id, code, timestamp, properties, value,
  toString(decimal_value) AS decimal_value
FROM events WHERE organization_id = {organizationId:UUID} AND transaction_id = {transactionId:String}`

const RANGE = `timestamp >= parseDateTime64BestEffort({from:String}, 6, 'UTC')
  AND timestamp < parseDateTime64BestEffort({to:String}, 6, 'UTC')`
const LIMIT = `LIMIT ${String(QUERY_ROWS_MAX + 1)}`

/** Ordered by text, as PostgreSQL orders uuids: ClickHouse sorts a UUID by its second half first. */
const Q1 = `
SELECT organization_id, count() AS events FROM events WHERE ${RANGE}
GROUP BY organization_id ORDER BY toString(organization_id) ${LIMIT}`

const Q2_SELECT = `
SELECT toStartOfHour(timestamp) AS bucket, organization_id, code, count() AS events, ifNull(sum(value), 0) AS value
FROM events WHERE `
const Q2_GROUP = `
GROUP BY bucket, organization_id, code ORDER BY bucket, toString(organization_id), code ${LIMIT}`

const Q3_SELECT = `
SELECT ifNull(sum(value), 0) AS value, count() AS events FROM events WHERE `

export class ClickHouseReads implements Reads {
  readonly answers = EVENT_QUERIES
  readonly #client: ClickHouseClient
  readonly #freshness: () => Freshness

  constructor(client: ClickHouseClient, freshness: () => Freshness) {
    this.#client = client
    this.#freshness = freshness
  }

  async lookup(organizationId: string, transactionId: string): Promise<QueryAnswer> {
    const answer = await this.#ask(EVENT, { organizationId, transactionId })
    return { ...answer, rows: answer.rows.map(withProperties) }
  }

  query(query: Query): Promise<QueryAnswer> {
    switch (query.name) {
      case 'Q1':
        return this.#ask(Q1, { from: query.from, to: query.to })
      case 'Q2': {
        const { where, params } = filterOf(query)
        return this.#ask(Q2_SELECT + where + Q2_GROUP, params)
      }
      case 'Q3': {
        const { where, params } = filterOf(query)
        return this.#ask(Q3_SELECT + where, params)
      }
      case 'Q4':
        return this.lookup(query.organizationId, query.transactionId)
      case 'Q9':
      case 'Q10':
      case 'Q11':
        return notAnswered(query.name)
    }
  }

  async #ask(query: string, params: Readonly<Record<string, string>>): Promise<QueryAnswer> {
    // Taken before the query runs: an answer must not look fresher than the moment it was asked for.
    const freshness = this.#freshness()
    const result = await this.#client.query({
      query,
      query_params: { ...params },
      format: 'JSON',
      clickhouse_settings: { date_time_output_format: 'iso' },
    })
    const { data, statistics } = await result.json<Row>()
    return {
      rows: data.length > QUERY_ROWS_MAX ? data.slice(0, QUERY_ROWS_MAX) : data,
      truncated: data.length > QUERY_ROWS_MAX,
      rowsRead: statistics?.rows_read ?? null,
      bytesRead: statistics?.bytes_read ?? null,
      freshness,
    }
  }
}

/** The column holds JSON text; the API speaks objects. */
function withProperties(row: Row): Row {
  const text = row['properties']
  return typeof text === 'string' ? { ...row, properties: JSON.parse(text) as Cell } : row
}

function filterOf(query: Extract<Query, { name: 'Q2' | 'Q3' }>): {
  readonly where: string
  readonly params: Readonly<Record<string, string>>
} {
  const { from, to, organizationId, code } = query
  let where = RANGE
  if (organizationId !== null) where += ' AND organization_id = {organizationId:UUID}'
  if (code !== null) where += ' AND code = {code:String}'
  return {
    where,
    params: {
      from,
      to,
      ...(organizationId === null ? {} : { organizationId }),
      ...(code === null ? {} : { code }),
    },
  }
}
