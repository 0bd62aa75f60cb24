import { describe, expect, it } from 'vitest'
import type { LatenessSegment } from '../../src/audit/lateness.ts'
import { latenessBySegment } from '../../src/audit/lateness.ts'
import type { OutcomeReader } from '../../src/audit/outcomes.ts'
import { ACK_UNIT_US, NO_ACK, OUTCOME_CODES } from '../../src/drive/job.ts'

const STEP_MS = 10

/** One event every 10 ms; `tookMs` null: never answered. */
function outcomes(tookMs: readonly (number | null)[]): OutcomeReader {
  return {
    events: tookMs.length,
    async *blocks() {
      await Promise.resolve()
      for (let firstIndex = 0; firstIndex < tookMs.length; firstIndex += 7) {
        const slice = tookMs.slice(firstIndex, firstIndex + 7)
        yield {
          firstIndex,
          outcomes: Uint8Array.from(slice, (took) =>
            took === null ? OUTCOME_CODES.unknown : OUTCOME_CODES.accepted,
          ),
          ackUnits: Uint32Array.from(slice, (took, at) =>
            took === null ? NO_ACK : ((firstIndex + at) * STEP_MS + took) * (1_000 / ACK_UNIT_US),
          ),
        }
      }
    },
  }
}

async function bins(tookMs: readonly (number | null)[], segments: readonly LatenessSegment[]) {
  const found = await latenessBySegment({
    outcomes: outcomes(tookMs),
    dueMs: (index) => index * STEP_MS,
    segments,
    limitMs: 50,
    signal: new AbortController().signal,
  })
  return found.map(({ fromMs, dueEvents, slowEvents, lateEvents }) => ({
    fromMs,
    due: [...Array.from(dueEvents)],
    slow: [...Array.from(slowEvents)],
    late: [...Array.from(lateEvents)],
  }))
}

describe('lateness', () => {
  it('is counted where an event was due, by its own segment, and an unanswered one is late', async () => {
    const tookMs = [1, 1, 1, 1, 1, 60, 60, 51, 50, 20, 1, 1, 1, null, 1, 9, 9, 9, 9, 9]
    const segments = [
      { fromMs: 0, toMs: 100, dueEvents: 10, slowUs: 10_000 },
      { fromMs: 100, toMs: 100, dueEvents: 0, slowUs: null },
      { fromMs: 100, toMs: 200, dueEvents: 10, slowUs: 5_000 },
    ]
    expect(await bins(tookMs, segments)).toEqual([
      { fromMs: 0, due: [5, 5], slow: [0, 5], late: [0, 3] },
      { fromMs: 100, due: [0], slow: [0], late: [0] },
      { fromMs: 100, due: [5, 5], slow: [1, 5], late: [1, 0] },
    ])
  })

  it('ends with the segments, and calls nothing slow where that is not known', async () => {
    const segments = [{ fromMs: 0, toMs: 40, dueEvents: 3, slowUs: null }]
    expect(await bins([null, 1, 99, 1], segments)).toEqual([
      { fromMs: 0, due: [3], slow: [0], late: [2] },
    ])
  })
})
