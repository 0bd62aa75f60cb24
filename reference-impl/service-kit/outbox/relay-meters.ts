/** What a worker counts about its claims. In: happenings. Out: lines of the Prometheus page of GET /metrics. */
import { counter, gauge } from '../metrics-text.ts'
import { RollingTimes } from '../rolling-times.ts'
import type { OutboxRow } from './queue.ts'

export interface RelayMeter {
  claimed(rows: readonly Pick<OutboxRow, 'attempts'>[], ms: number): void
  /** @param rows how many of the `sent` were still this worker's: the others had passed to another by lease */
  completed(rows: number, sent: number): void
  released(rows: number): void
  buried(rows: number): void
}

export class RelayMeters implements RelayMeter {
  #claims = 0
  #claimedRows = 0
  #reclaimedRows = 0
  #completedRows = 0
  #lostLeaseRows = 0
  #releasedRows = 0
  #deadRows = 0
  readonly #claimTimes = new RollingTimes()

  claimed(rows: readonly Pick<OutboxRow, 'attempts'>[], ms: number): void {
    this.#claimTimes.record(ms)
    // A look that finds nothing is no claim: it says how often a worker polls, not what it does.
    if (rows.length === 0) return
    this.#claims++
    this.#claimedRows += rows.length
    for (const { attempts } of rows) if (attempts > 1) this.#reclaimedRows++
  }

  completed(rows: number, sent: number): void {
    this.#completedRows += rows
    this.#lostLeaseRows += sent - rows
  }

  released(rows: number): void {
    this.#releasedRows += rows
  }

  buried(rows: number): void {
    this.#deadRows += rows
  }

  lines(): readonly string[] {
    return [
      ...total('headroom_outbox_claims_total', 'Claims that found rows.', this.#claims),
      ...total('headroom_outbox_claimed_rows_total', 'Rows in those claims.', this.#claimedRows),
      ...total(
        'headroom_outbox_reclaimed_rows_total',
        'Of them, rows that had been claimed before.',
        this.#reclaimedRows,
      ),
      ...total(
        'headroom_outbox_completed_rows_total',
        'Rows delivered and completed.',
        this.#completedRows,
      ),
      ...total(
        'headroom_outbox_lost_lease_rows_total',
        'Rows delivered by this worker when their lease had passed to another: delivered twice.',
        this.#lostLeaseRows,
      ),
      ...total(
        'headroom_outbox_released_rows_total',
        'Rows put back to be tried again.',
        this.#releasedRows,
      ),
      ...total(
        'headroom_outbox_buried_rows_total',
        'Rows moved to the dead letters.',
        this.#deadRows,
      ),
      ...gauge(
        'headroom_outbox_claim_seconds{quantile="0.99"}',
        'Time of a claim, over the last whole second.',
        this.#claimTimes.p99Ms() / 1_000,
      ),
    ]
  }
}

function total(name: string, help: string, value: number): readonly string[] {
  return counter(name, help, [['', value]])
}
