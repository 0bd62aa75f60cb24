/**
 * What else rose while a fault was watched. In: when each was, every look at a gauge of the target, in order. Out: per fault the
 * gauges that rose most, with their highest value before the first one, while it was watched, and their last.
 */
import type { FaultSeen } from '../results/fault-record.ts'

const FACTOR = 2
const GAUGES_MAX = 8

export interface Watched {
  readonly fromMs: number
  /** From here on it is not watched any more. */
  readonly endMs: number
}

interface Span {
  highest: number | null
  last: number | null
}

/** Memory grows with the gauges and the faults, not with the looks. */
export class MovedFold {
  readonly #faults: readonly Watched[]
  readonly #gauges = new Map<string, { before: number | null; spans: Span[] }>()

  constructor(faults: readonly Watched[]) {
    this.#faults = faults
  }

  look(key: string, value: number, t: number): void {
    let gauge = this.#gauges.get(key)
    if (gauge === undefined) {
      gauge = { before: null, spans: this.#faults.map(() => ({ highest: null, last: null })) }
      this.#gauges.set(key, gauge)
    }
    if (t < (this.#faults[0]?.fromMs ?? Infinity)) {
      gauge.before = Math.max(gauge.before ?? value, value)
      return
    }
    for (const [at, { fromMs, endMs }] of this.#faults.entries()) {
      const span = gauge.spans[at]
      if (span === undefined || t < fromMs || t >= endMs) continue
      span.highest = Math.max(span.highest ?? value, value)
      span.last = value
    }
  }

  /** @param at which of the faults */
  of(at: number): FaultSeen['moved'] {
    return [...this.#gauges]
      .flatMap(([metric, { before, spans }]) => {
        const span = spans[at]
        if (span === undefined || span.highest === null || span.last === null) return []
        return [{ metric, before: before ?? 0, highest: span.highest, last: span.last }]
      })
      .filter(({ before, highest }) => highest > 0 && highest >= before * FACTOR)
      .sort((a, b) => growth(b) - growth(a) || a.metric.localeCompare(b.metric))
      .slice(0, GAUGES_MAX)
  }
}

function growth({ before, highest }: FaultSeen['moved'][number]): number {
  return before === 0 ? Infinity : highest / before
}
