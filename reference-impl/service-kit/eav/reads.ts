/**
 * What eav answers. In: a question, and who may wait how long for how fresh an answer. Out: rows, and where they came from:
 * entities from the cache or by the router, Q9 from the hot projection, Q10 from the time series, single writes from the
 * primary alone, because staging is UNLOGGED and no replica ever sees it.
 */
import type pg from 'pg'
import type { FreshnessRouter } from '../freshness/router.ts'
import type { ReadClass, ReadDemand } from '../freshness/read-class.ts'
import {
  notAnswered,
  type EntityReads,
  type Freshness,
  type Query,
  type QueryAnswer,
  type Reads,
  type Row,
} from '../reads.ts'
import { askStatement, toldOf, type Statement } from '../postgres/ask.ts'
import type { EntityCache } from './cache.ts'
import { distinctQuery, ENTITY, hotQuery, LOOKUP, type ProjectedRow } from './statements.ts'
import type { EavQueryForms } from './settings.ts'
import { CACHE_SOURCE, SERIES_STORE } from './stores.ts'

export interface EavReadsOptions {
  readonly primary: pg.Pool
  readonly router: FreshnessRouter<pg.Pool>
  readonly cache: EntityCache
  readonly forms: EavQueryForms
}

const FROM_PRIMARY: Freshness = {
  source: SERIES_STORE,
  lagS: 0,
  consistency: 'strong',
  stale: false,
}
const FROM_CACHE: Freshness = { ...FROM_PRIMARY, source: CACHE_SOURCE }

export class EavReads implements Reads, EntityReads {
  readonly answers = ['Q4', 'Q9', 'Q10'] as const
  readonly #options: EavReadsOptions

  constructor(options: EavReadsOptions) {
    this.#options = options
  }

  async lookup(tenantId: string, writeId: string): Promise<QueryAnswer> {
    const { rows } = await this.#options.primary.query<Row>({
      name: 'lookup',
      text: LOOKUP,
      values: [tenantId, writeId],
    })
    return answerOf(rows, FROM_PRIMARY)
  }

  query(query: Query): Promise<QueryAnswer> {
    const { forms } = this.#options
    switch (query.name) {
      case 'Q4':
        return query.explain === true
          ? this.#explainedLookup([query.organizationId, query.transactionId])
          : this.lookup(query.organizationId, query.transactionId)
      case 'Q9':
        return this.#routed('search', query, {
          text: hotQuery(forms.hotQuery),
          values: [query.tenantId],
        })
      case 'Q10':
        return this.#routed('analytics', query, {
          text: distinctQuery(forms.distinctQuery),
          values: [query.tenantId, query.from, query.to],
        })
      case 'Q1':
      case 'Q2':
      case 'Q3':
      case 'Q11':
        return notAnswered(query.name)
    }
  }

  async entity(tenantId: string, entityId: string, demand: ReadDemand): Promise<QueryAnswer> {
    const { cache, router } = this.#options
    const held = await cache.get(tenantId, entityId)
    if (held !== null) return answerOf([rowOf(tenantId, entityId, held.hotAttrs)], FROM_CACHE)
    const asked = cache.generation
    const { answer, freshness } = await router.read(demand, async (pool) => {
      const { rows } = await pool.query<Pick<ProjectedRow, 'hot_attrs' | 'revision'>>({
        name: 'entity',
        text: ENTITY,
        values: [tenantId, entityId],
      })
      return rows[0] ?? null
    })
    if (answer === null) return answerOf([], freshness)
    // Only the primary knows for certain what is newest.
    if (freshness.consistency === 'strong') {
      await cache.fill({ tenant_id: tenantId, entity_id: entityId, ...answer }, asked)
    }
    return answerOf([rowOf(tenantId, entityId, answer.hot_attrs)], freshness)
  }

  async #explainedLookup(values: readonly string[]): Promise<QueryAnswer> {
    const statement = { text: LOOKUP, values }
    const told = await askStatement(this.#options.primary, statement, { explain: true })
    return { ...told, freshness: FROM_PRIMARY }
  }

  async #routed(readClass: ReadClass, query: Query, statement: Statement): Promise<QueryAnswer> {
    const { answer, freshness } = await this.#options.router.read(
      { readClass, token: null },
      (pool) => askStatement(pool, statement, query),
    )
    return { ...answer, freshness }
  }
}

function rowOf(tenantId: string, entityId: string, hotAttrs: string): Row {
  return {
    tenant_id: tenantId,
    entity_id: Number(entityId),
    hot_attrs: JSON.parse(hotAttrs) as Readonly<Record<string, unknown>>,
  }
}

function answerOf(rows: readonly Row[], freshness: Freshness): QueryAnswer {
  return { ...toldOf(rows), freshness }
}
