import { describe, expect, it } from 'vitest'
import type { NotAcceptedReason } from '../../src/results/record.ts'
import {
  answersInWords,
  nothingAccepted,
  refusal,
  refusedTooMuch,
} from '../../src/collect/not-accepted.ts'
import { MODELS } from '../fixtures/architecture-models.ts'
import { stepOf } from '../fixtures/step-record.ts'

const whole = stepOf(Object.values(MODELS)[0]!, {
  name: 'step-1',
  ratePerS: 100,
  fromMs: 0,
  toMs: 10_000,
  factor: 1,
})

/** A step of 1,000 events of which so many were accepted, and so many were duplicates. */
function step(accepted: number, duplicate: number, reasons: readonly NotAcceptedReason[] = []) {
  const rejected = 1_000 - accepted - duplicate
  return {
    ...whole,
    dueEvents: 1_000,
    counts: { ...whole.counts, accepted, duplicate, rejected, shed: 0 },
    notAccepted: { answeredRequests: 1_000, reasons: [...reasons], otherRequests: 0 },
  }
}

const answered = (status: number, requests: number): NotAcceptedReason => ({
  by: 'answer',
  status,
  requests,
})

describe('what was not accepted', () => {
  it('is too much above one percent of what was due; duplicates are accepted', () => {
    expect(refusedTooMuch(step(990, 0))).toBe(false)
    expect(refusedTooMuch(step(989, 0))).toBe(true)
    expect(refusedTooMuch(step(0, 990))).toBe(false)
  })

  it('is everything only where no step acknowledged an event, and some was due', () => {
    expect(nothingAccepted([step(0, 0), step(0, 0)])).toBe(true)
    expect(nothingAccepted([step(0, 0), step(0, 1)])).toBe(false)
    expect(nothingAccepted([])).toBe(false)
  })

  it('is the limit where the service said no, and not where it shed load or fell silent', () => {
    expect(refusal(step(500, 0, [answered(401, 500)]))).toBe('500 of 1,000 answers were HTTP 401')
    expect(refusal(step(500, 0, [answered(503, 500)]))).toBeNull()
    const silent: NotAcceptedReason = { by: 'loss', code: 'TIMEOUT', requests: 500 }
    expect(refusal(step(500, 0, [silent]))).toBeNull()
    expect(refusal(step(995, 0, [answered(401, 5)]))).toBeNull()
  })

  it('is told over all steps, the most frequent reason first, the rest as a number', () => {
    const reset: NotAcceptedReason = { by: 'loss', code: 'ECONNRESET', requests: 30 }
    const steps = [
      step(0, 0, [answered(401, 10), reset]),
      step(0, 0, [answered(401, 90), answered(500, 20), answered(404, 4)]),
    ]
    expect(answersInWords(steps)).toBe(
      '100 of 2,000 answers were HTTP 401; 30 of 2,030 requests got no answer (ECONNRESET); 20 of 2,000 answers were HTTP 500; 4 more for other reasons',
    )
  })
})
