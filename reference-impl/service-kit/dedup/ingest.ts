/** An ingest whose writer asks a window of identities first. In: both. Out: one thing to serve and to close. */
import { counter, gauge } from '../metrics-text.ts'
import type { Ingest } from '../service.ts'
import type { DedupWindow } from './window.ts'

export function withWindow(ingest: Ingest, window: DedupWindow): Ingest {
  return {
    ...ingest,
    metrics: () => [...(ingest.metrics?.() ?? []), ...windowLines(window)],
    async [Symbol.asyncDispose]() {
      await ingest[Symbol.asyncDispose]()
      await window[Symbol.asyncDispose]()
    },
  }
}

function windowLines(window: DedupWindow): readonly string[] {
  const { repeats, underWay, errors, bypassed, unkept, isUp } = window.meter
  return [
    ...counter('headroom_dedup_told_total', 'Events by what the window said of them.', [
      ['{outcome="repeat"}', repeats],
      ['{outcome="under-way"}', underWay],
    ]),
    ...counter('headroom_dedup_errors_total', 'Commands that Redis did not answer in time.', [
      ['', errors],
    ]),
    ...counter('headroom_dedup_bypassed_total', 'Events written without asking Redis.', [
      ['', bypassed],
    ]),
    ...counter('headroom_dedup_unkept_total', 'Events stored that Redis did not confirm to note.', [
      ['', unkept],
    ]),
    ...gauge('headroom_dedup_up', 'Whether Redis is asked.', isUp ? 1 : 0),
  ]
}
