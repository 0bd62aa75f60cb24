/**
 * What eav answers. In: a question, and how old its answer may be. Out: rows, and where they came from: entities from the
 * cache or the hot projection, Q9 from the hot projection, Q10 from the time series, by the router's choice of copy; single
 * writes from the primary alone, because staging is UNLOGGED and no replica ever sees it.
 */
import type pg from 'pg'
import type { FreshnessRouter, RouterMeter } from '../freshness/router.ts'
import type { LagBudgetsMs, ReadDemand } from '../freshness/read-class.ts'
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
import {
  distinctQuery,
  ENTITY,
  hotQuery,
  LOOKUP,
  PROJECTION,
  SERIES,
  STAGED_AGE,
  VIEW,
  VIEWED_QUERY,
  type ProjectedRow,
} from './statements.ts'
import type { EavQueryForms } from './settings.ts'
import { CACHE_SOURCE } from './stores.ts'

export interface EavReadsOptions {
  readonly router: FreshnessRouter<pg.Pool>
  readonly cache: EntityCache
  readonly forms: EavQueryForms
  readonly budgetsMs: LagBudgetsMs
  /** How old the materialised view is; infinite before its first refresh. */
  readonly viewAgeMs: () => Promise<number>
  /** Only there it can be seen how long the oldest write waits in staging. */
  readonly primary: pg.Pool
  /** What the time series of a replica may lack, what was staged then included; null of the primary. */
  readonly settledLagMs: (pool: pg.Pool) => number | null
}

const FROM_CACHE: Freshness = {
  source: CACHE_SOURCE,
  lagS: 0,
  consistency: 'strong',
  stale: false,
}
const MS_PER_S = 1_000
/** Nobody is promised a position of the log here: whoever names one all the same asks the primary. */
const NO_TOKEN = null

export class EavReads implements Reads, EntityReads {
  readonly answers = ['Q4', 'Q9', 'Q10'] as const
  readonly #options: EavReadsOptions

  constructor(options: EavReadsOptions) {
    this.#options = options
  }

  /** Every read by what answered it, the cache among them. */
  get meter(): RouterMeter {
    const { router, cache } = this.#options
    const { reads, ...rest } = router.meter
    return { ...rest, reads: new Map([[CACHE_SOURCE, cache.meter.hits], ...reads]) }
  }

  async lookup(tenantId: string, writeId: string): Promise<QueryAnswer> {
    const values = [tenantId, writeId]
    const { answer, freshness } = await this.#options.router.readUnlogged(async (pool) => {
      const { rows } = await pool.query<Row>({ name: 'lookup', text: LOOKUP, values })
      return toldOf(rows)
    }, SERIES)
    return { ...answer, freshness }
  }

  query(query: Query, demand: ReadDemand): Promise<QueryAnswer> {
    const { forms } = this.#options
    switch (query.name) {
      case 'Q4':
        return query.explain === true
          ? this.#explainedLookup([query.organizationId, query.transactionId])
          : this.lookup(query.organizationId, query.transactionId)
      case 'Q9': {
        const text = hotQuery(forms.hotQuery)
        return this.#routed(query, demand, { table: PROJECTION, text, values: [query.tenantId] })
      }
      case 'Q10': {
        const values = [query.tenantId, query.from, query.to]
        if (forms.distinctQuery === 'view') return this.#viewed(query, demand, values)
        const text = distinctQuery(forms.distinctQuery)
        return this.#routed(query, demand, { table: SERIES, text, values })
      }
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
    const { readClass, token } = demand
    const { answer, freshness } = await router.read(
      { readClass, token: NO_TOKEN },
      async (pool) => {
        const { rows } = await pool.query<Pick<ProjectedRow, 'hot_attrs' | 'revision'>>({
          name: 'entity',
          text: ENTITY,
          values: [tenantId, entityId],
        })
        return rows[0] ?? null
      },
      // An own critical write is readable at once: a replica that lacks only the last 50 ms may lack it.
      { table: PROJECTION, primaryFirst: readClass === 'critical' || token !== null },
    )
    if (answer === null) return answerOf([], freshness)
    // Only the primary knows for certain what is newest.
    if (freshness.consistency === 'strong') {
      await cache.fill({ tenant_id: tenantId, entity_id: entityId, ...answer }, asked)
    }
    return answerOf([rowOf(tenantId, entityId, answer.hot_attrs)], freshness)
  }

  async #explainedLookup(values: readonly string[]): Promise<QueryAnswer> {
    const statement = { text: LOOKUP, values }
    const { answer, freshness } = await this.#options.router.readUnlogged(
      (pool) => askStatement(pool, statement, { explain: true }),
      SERIES,
    )
    return { ...answer, freshness }
  }

  /** The view as long as it is within the reader's budget, else the time series. */
  async #viewed(query: Query, demand: ReadDemand, values: readonly string[]): Promise<QueryAnswer> {
    const { budgetsMs, viewAgeMs } = this.#options
    // Known before the answer, which can only be fresher.
    const ageMs = demand.token === null ? await viewAgeMs() : Number.POSITIVE_INFINITY
    if (ageMs > budgetsMs[demand.readClass]) {
      const text = distinctQuery('indexed')
      return await this.#routed(query, demand, { table: SERIES, text, values })
    }
    const answer = await this.#routed(query, demand, { table: VIEW, text: VIEWED_QUERY, values })
    const lagS = ageMs / MS_PER_S
    return { ...answer, freshness: { ...answer.freshness, lagS, consistency: 'eventual' } }
  }

  async #routed(
    query: Query,
    { readClass, token }: ReadDemand,
    { table, ...statement }: Statement & { readonly table: string },
  ): Promise<QueryAnswer> {
    const { router, budgetsMs } = this.#options
    let lacksMs = 0
    const { answer, freshness } = await router.read(
      { readClass, token: NO_TOKEN },
      async (pool) => {
        // Known before the answer, which can only be fresher.
        lacksMs = table === SERIES ? await this.#seriesLacksMs(pool) : 0
        return askStatement(pool, statement, query)
      },
      // What a replica may lack of the series is more than a critical reader allows, nearly always.
      { table, primaryFirst: token !== null || (table === SERIES && readClass === 'critical') },
    )
    return { ...answer, freshness: withStaged(freshness, lacksMs, budgetsMs[readClass]) }
  }

  async #seriesLacksMs(pool: pg.Pool): Promise<number> {
    const { primary, settledLagMs } = this.#options
    return settledLagMs(pool) ?? (await stagedAgeMs(primary))
  }
}

async function stagedAgeMs(primary: pg.Pool): Promise<number> {
  const { rows } = await primary.query<{ age_ms: number }>({ name: 'staged-age', text: STAGED_AGE })
  return rows[0]?.age_ms ?? 0
}

/** The time series lacks what was acknowledged and waits for a flush, on the primary too. */
function withStaged(freshness: Freshness, lacksMs: number, budgetMs: number): Freshness {
  if (lacksMs === 0) return freshness
  return {
    ...freshness,
    lagS: Math.max(freshness.lagS, lacksMs / MS_PER_S),
    consistency: 'eventual',
    stale: freshness.stale || lacksMs > budgetMs,
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
