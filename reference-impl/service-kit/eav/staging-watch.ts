/** What waits in staging, and whether updates of the projection stay HOT. In: the database, asked once a second. Out: lines of /metrics. */
import type pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { counter, gauge } from '../metrics-text.ts'
import { openPool } from '../postgres/connection.ts'
import type { FlusherMeter } from './flusher.ts'
import { STAGING } from './statements.ts'

/** One look at a time. */
export const STAGING_WATCH_CONNECTIONS = 1
const EVERY_MS = 1_000
const STATEMENT_TIMEOUT_MS = 5_000
const MS_PER_S = 1_000
const LOOK = `
SELECT (SELECT count(*)::float8 FROM ${STAGING}) AS staged,
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(staged_at)), 0)::float8 FROM ${STAGING}) AS oldest_s,
       n_tup_upd::float8 AS updates, n_tup_hot_upd::float8 AS hot_updates
  FROM pg_stat_user_tables WHERE relid = 'entity_jsonb'::regclass`

interface Look {
  readonly staged: number
  readonly oldest_s: number
  readonly updates: number
  readonly hot_updates: number
}

export class StagingWatch implements AsyncDisposable {
  readonly #pool: pg.Pool
  readonly #timer: NodeJS.Timeout
  #look: Look | null = null

  constructor(address: PostgresAddress, log: (line: string) => void) {
    this.#pool = openPool(address, {
      connections: STAGING_WATCH_CONNECTIONS,
      name: 'eav staging watch',
      log,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    })
    let failing = false
    this.#timer = setInterval(() => {
      void this.#pool.query<Look>(LOOK).then(
        ({ rows }) => {
          this.#look = rows[0] ?? null
          failing = false
        },
        (error: unknown) => {
          // What is not known is not shown.
          this.#look = null
          if (!failing) log(`staging cannot be looked at: ${messageOf(error)}`)
          failing = true
        },
      )
    }, EVERY_MS).unref()
  }

  lines(meter: FlusherMeter): readonly string[] {
    const flushed = [
      ...gauge(
        'headroom_flush_seconds{quantile="0.99"}',
        'Time of a flush, over the last whole second.',
        meter.flushP99Ms / MS_PER_S,
      ),
      ...counter('headroom_flushed_rows_total', 'Rows moved out of staging.', [
        ['{outcome="stored"}', meter.movedRows - meter.repeatedRows],
        ['{outcome="repeated"}', meter.repeatedRows],
      ]),
      ...counter('headroom_failed_flushes_total', 'Flushes that moved nothing.', [
        ['', meter.failedFlushes],
      ]),
    ]
    if (this.#look === null) return flushed
    const { staged, oldest_s: oldestS, updates, hot_updates: hot } = this.#look
    return [
      ...flushed,
      ...gauge('headroom_staged_rows', 'Rows that wait for a flush.', staged),
      ...gauge('headroom_oldest_staged_seconds', 'Age of the oldest of them.', oldestS),
      ...counter('headroom_projection_updates_total', 'Updates of the hot projection.', [
        ['{kind="hot"}', hot],
        ['{kind="indexed"}', updates - hot],
      ]),
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#pool.end()
  }
}
