/**
 * How the metric that a fault is about rose and went back. In: its key, when the fault was, every line of the series in order.
 * Out: its level before, when it was first above that, and when every instance was near it again.
 */
import type { SymptomSeen } from '../results/fault-record.ts'
import { findMetric, parseMetricKey } from './metrics.ts'

/** Within this factor of the highest before, and this much of its unit, a symptom is no sign of a fault. */
const FACTOR = 2
const MARGIN = 20
/** By unit, where 20 of it would hide a fault, or are nothing. */
const MARGINS: Readonly<Record<string, number>> = { bytes: 2 ** 20, s: 0.1, ratio: 0.05 }

export interface SymptomSpan {
  readonly metric: string
  /** The first fault of the run began: what was before that is its level. */
  readonly calmUntilMs: number
  readonly fromMs: number
  readonly toMs: number
  /** The next fault begins, or Infinity. */
  readonly endMs: number
}

/** Of one instance. */
interface Looks {
  readonly last: number
  readonly lastMs: number
  readonly firstAboveMs: number | null
  /** The first look that was back after the last one above. */
  readonly backMs: number | null
  readonly isAbove: boolean
}

function after(before: Looks | undefined, look: Pick<Looks, 'last' | 'lastMs' | 'isAbove'>): Looks {
  const { firstAboveMs = null, backMs = null, isAbove: wasAbove = false } = before ?? {}
  if (look.isAbove) return { ...look, firstAboveMs: firstAboveMs ?? look.lastMs, backMs }
  return { ...look, firstAboveMs, backMs: wasAbove ? look.lastMs : backMs }
}

export class SymptomFold {
  readonly #span: SymptomSpan
  readonly #id: string
  readonly #label: string | null
  readonly #marginOfUnit: number
  readonly #instances = new Map<string, Looks>()
  #before: number | null = null
  #highest: number | null = null

  constructor(span: SymptomSpan) {
    this.#span = span
    const { id, label } = parseMetricKey(span.metric)
    this.#id = id
    this.#label = label
    this.#marginOfUnit = MARGINS[findMetric(id)?.unit ?? ''] ?? MARGIN
  }

  look(key: string, value: number, t: number): void {
    if (!this.#isOf(key)) return
    const { calmUntilMs, fromMs, endMs } = this.#span
    if (t <= calmUntilMs) this.#before = Math.max(this.#before ?? value, value)
    if (t <= fromMs || t > endMs) return
    this.#highest = Math.max(this.#highest ?? value, value)
    const isAbove = value > (this.#before ?? 0) * FACTOR + this.#marginOfUnit
    this.#instances.set(key, after(this.#instances.get(key), { last: value, lastMs: t, isAbove }))
  }

  finish(): SymptomSeen {
    const all = [...this.#instances.values()]
    const above = all.flatMap(({ firstAboveMs }) => firstAboveMs ?? [])
    return {
      metric: this.#span.metric,
      before: this.#before,
      highest: this.#highest,
      last: all.length === 0 ? null : Math.max(...all.map(({ last }) => last)),
      noticedMs: above.length === 0 ? null : Math.round(Math.min(...above) - this.#span.fromMs),
      backMs: this.#backMs(all),
    }
  }

  /** An instance that was above when it was last seen is not back: a slot that is lost has no lag any more. */
  #backMs(all: readonly Looks[]): number | null {
    const { toMs } = this.#span
    if (!all.some(({ lastMs }) => lastMs > toMs)) return null
    if (all.some(({ isAbove }) => isAbove)) return null
    const back = all.flatMap(({ backMs }) => backMs ?? [])
    return Math.max(0, Math.round(Math.max(...back, toMs) - toMs))
  }

  #isOf(key: string): boolean {
    if (this.#label !== null) return key === this.#span.metric
    return key === this.#id || key.startsWith(`${this.#id}{`)
  }
}
