/**
 * Samples that do not fall on the borders of steps, added up per step. In: lines in order of time. Out: per key and
 * span how much of it was sampled and what the samples add up to, interpolated at the borders.
 */
import type { SeriesLine } from '../results/record.ts'
import { findMetric, parseMetricKey } from './metrics.ts'
import { growth } from './rates.ts'

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

export interface Covered {
  /** Time of the span between two samples of the key. */
  readonly ms: number
  /** A counter's growth over that time; a gauge's value times milliseconds. */
  readonly total: number
}

/** Nothing is said about the time between two samples further apart: a probe was failing. */
const BRIDGED_MAX_MS = 30_000
/** Reported only while there are any: where their probe answers without them, there are none. */
const ZERO_WHERE_ABSENT: ReadonlySet<string> = new Set([
  'waits.sessions',
  'parts.active',
  'slot.walStatus',
  'horizon.holderAgeTransactions',
])

interface KeyState {
  readonly counter: boolean
  readonly ms: Float64Array
  readonly total: Float64Array
  /** First span that may still be met: spans are in order of time. */
  open: number
  t: number
  v: number
}

export class SpanFold {
  readonly #spans: readonly Span[]
  readonly #states = new Map<string, KeyState>()
  /** Per probe: when it answered last, and the sporadic keys it has reported. */
  readonly #probes = new Map<string, { t: number; readonly sporadic: Set<string> }>()
  readonly #probeOf = new Map<string, string>()

  /** @param spans in order of time, without overlap */
  constructor(spans: readonly Span[]) {
    this.#spans = spans
  }

  add({ t, v }: SeriesLine): void {
    const probeKey = Object.keys(v).find((key) => key.startsWith('probe.ms{'))
    if (probeKey !== undefined) this.#fillAbsent(probeKey, { t, v })
    for (const key in v) {
      const value = v[key]
      if (value !== undefined) this.#extend(key, t, value)
    }
  }

  keys(): Iterable<string> {
    return this.#states.keys()
  }

  /** The spans at these positions together. */
  covered(key: string, positions: readonly number[]): Covered {
    const state = this.#states.get(key)
    const probeKey = this.#probeOf.get(key)
    // A sporadic key was sampled whenever its probe answered.
    const asked = probeKey === undefined ? state : this.#states.get(probeKey)
    let ms = 0
    let total = 0
    for (const at of positions) {
      ms += asked?.ms[at] ?? 0
      total += state?.total[at] ?? 0
    }
    return { ms, total }
  }

  #fillAbsent(probeKey: string, { t, v }: SeriesLine): void {
    const probe = this.#probes.get(probeKey) ?? { t, sporadic: new Set<string>() }
    for (const key of probe.sporadic) if (v[key] === undefined) this.#extend(key, t, 0)
    for (const key in v) {
      if (probe.sporadic.has(key) || !ZERO_WHERE_ABSENT.has(parseMetricKey(key).id)) continue
      probe.sporadic.add(key)
      this.#probeOf.set(key, probeKey)
      if (probe.t < t) this.#extend(key, probe.t, 0)
    }
    probe.t = t
    this.#probes.set(probeKey, probe)
  }

  #extend(key: string, t: number, value: number): void {
    const state = this.#states.get(key)
    if (state === undefined) {
      const counter = findMetric(key)?.kind === 'counter'
      const ms = new Float64Array(this.#spans.length)
      const total = new Float64Array(this.#spans.length)
      this.#states.set(key, { counter, ms, total, open: 0, t, v: value })
      return
    }
    if (t > state.t && t - state.t <= BRIDGED_MAX_MS) this.#addPiece(state, t, value)
    state.t = t
    state.v = value
  }

  #addPiece(state: KeyState, t: number, value: number): void {
    const grown = growth(state.v, value)
    const at = (moment: number): number =>
      state.v + ((value - state.v) * (moment - state.t)) / (t - state.t)
    for (let index = state.open; index < this.#spans.length; index += 1) {
      const span = this.#spans[index]
      if (span === undefined || span.fromMs >= t) return
      if (span.toMs <= state.t) state.open = index + 1
      const from = Math.max(span.fromMs, state.t)
      const to = Math.min(span.toMs, t)
      if (to <= from) continue
      state.ms[index] = (state.ms[index] ?? 0) + (to - from)
      const piece = state.counter
        ? (grown * (to - from)) / (t - state.t)
        : ((at(from) + at(to)) / 2) * (to - from)
      state.total[index] = (state.total[index] ?? 0) + piece
    }
  }
}
