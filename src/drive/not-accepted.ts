/**
 * Why requests were not, or not wholly, accepted. In: the status of an answer, or the code of what came instead. Out:
 * the most frequent of them. One addition to a fixed array per answer: nothing is allocated while the load lasts.
 */
import type { NotAccepted, NotAcceptedReason } from './job.ts'

const STATUSES = 1_000
/** Distinct codes of lost requests that are told apart; system errors are few, and their number must be bounded. */
const CODES_MAX = 32
/** Reasons a result names, the most frequent first. */
const NAMED_MAX = 5

export class NotAcceptedTally {
  #answers = 0
  readonly #byStatus = new Uint32Array(STATUSES)
  readonly #byCode = new Map<string, number>()
  #others = 0

  answered(status: number, isWholeAccepted: boolean): void {
    this.#answers++
    if (isWholeAccepted) return
    if (status < STATUSES) this.#byStatus[status] = (this.#byStatus[status] ?? 0) + 1
    else this.#others++
  }

  /** No answer came, or none could. */
  lost(code: string): void {
    const before = this.#byCode.get(code)
    if (before === undefined && this.#byCode.size >= CODES_MAX) this.#others++
    else this.#byCode.set(code, (before ?? 0) + 1)
  }

  /** @param isNamed whether somebody has said what an answer of a status means */
  result(isNamed: (status: number) => boolean): NotAccepted {
    const reasons: NotAcceptedReason[] = [...this.#byCode].map(([code, requests]) => ({
      by: 'loss',
      code,
      requests,
    }))
    for (const [status, requests] of this.#byStatus.entries()) {
      if (requests === 0) continue
      reasons.push({
        by: 'answer',
        status,
        requests,
        ...(isNamed(status) ? {} : { unnamed: true as const }),
      })
    }
    reasons.sort((a, b) => b.requests - a.requests)
    const rest = reasons.slice(NAMED_MAX).reduce((sum, { requests }) => sum + requests, 0)
    return {
      answeredRequests: this.#answers,
      reasons: reasons.slice(0, NAMED_MAX),
      otherRequests: this.#others + rest,
    }
  }
}
