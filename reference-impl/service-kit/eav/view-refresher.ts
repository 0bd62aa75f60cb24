/**
 * Refreshes the materialised view, again and again. In: the database, how often. Out: a view, since when no write is missing
 * in it, and what that took. A refresh that fails leaves the view and its age as they were.
 */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { counter, gauge } from '../metrics-text.ts'
import { clientConfig } from '../postgres/connection.ts'
import { REFRESH_VIEW, VIEW_AGE, VIEW_AS_OF } from './statements.ts'

const MS_PER_S = 1_000

/** Infinite before the first refresh. */
export async function viewAgeMs(asker: Pick<pg.Pool | pg.Client, 'query'>): Promise<number> {
  const { rows } = await asker.query<{ age_ms: number | null }>(VIEW_AGE)
  return rows[0]?.age_ms ?? Number.POSITIVE_INFINITY
}

export class ViewRefresher {
  readonly #address: PostgresAddress
  readonly #everyMs: number
  readonly #log: (line: string) => void
  #client: pg.Client | null = null
  #refreshes = 0
  #failures = 0
  #lastMs: number | null = null
  /** Age when it was last refreshed, and when that was. */
  #fresh: { readonly ageMs: number; readonly atMs: number } | null = null

  constructor(address: PostgresAddress, everyMs: number, log: (line: string) => void) {
    this.#address = address
    this.#everyMs = everyMs
    this.#log = log
  }

  async run(signal: AbortSignal): Promise<void> {
    let failing = false
    while (!signal.aborted) {
      try {
        await this.#refresh()
        failing = false
      } catch (error) {
        this.#failures++
        if (!failing) this.#log(`the view cannot be refreshed: ${messageOf(error)}`)
        failing = true
        await this.close()
      }
      await delay(this.#everyMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = null
    await client?.end().catch(() => undefined)
  }

  lines(): readonly string[] {
    const known = [
      ...counter('headroom_view_refreshes_total', 'Refreshes of the materialised view.', [
        ['{outcome="done"}', this.#refreshes],
        ['{outcome="failed"}', this.#failures],
      ]),
    ]
    if (this.#fresh === null || this.#lastMs === null) return known
    const ageMs = this.#fresh.ageMs + performance.now() - this.#fresh.atMs
    return [
      ...known,
      ...gauge('headroom_view_refresh_seconds', 'Time of the last one.', this.#lastMs / MS_PER_S),
      ...gauge('headroom_view_age_seconds', 'What the view may miss.', ageMs / MS_PER_S),
    ]
  }

  async #refresh(): Promise<void> {
    const client = this.#client ?? (await this.#connect())
    const startedMs = performance.now()
    await client.query('BEGIN')
    await client.query(VIEW_AS_OF)
    await client.query(REFRESH_VIEW)
    await client.query('COMMIT')
    this.#lastMs = performance.now() - startedMs
    this.#fresh = { ageMs: await viewAgeMs(client), atMs: performance.now() }
    this.#refreshes++
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(clientConfig(this.#address, 'eav view'))
    // Its statement rejects as well; without a listener the process would end.
    client.on('error', () => undefined)
    await client.connect()
    this.#client = client
    return client
  }
}
