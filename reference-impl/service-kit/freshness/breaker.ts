/**
 * Whether reads may go to a replica: closed, open or half-open (mission-map E18, H12). In: samples of its lag. Out: the
 * next state. Pure: time and chance arrive with the sample. What is tried while half-open is the heartbeat, so no user's
 * read is spent on finding out.
 */
export interface BreakerRules {
  /** A sample beyond it is bad, and so is one that could not be taken. */
  readonly sloMs: number
  /** Opens when this many of the last `windowSamples` are bad: consecutive where both are the same. */
  readonly badSamples: number
  readonly windowSamples: number
  /** Half-open closes after this many good samples in a row. */
  readonly goodSamples: number
  /** Shortest time open. It doubles up to `openMaxMs` as long as the trouble comes back. */
  readonly openMs: number
  readonly openMaxMs: number
  /** Open times are stretched by up to this share: services that opened together must not come back together. */
  readonly jitterRatio: number
}

export interface LagSample {
  /** By a monotonic clock. */
  readonly atMs: number
  /** Null where the replica did not answer. */
  readonly lagMs: number | null
  /** From 0 to 1: where in the jitter an opening falls. */
  readonly chance: number
}

export type Breaker =
  | {
      readonly state: 'closed'
      /** Of the last samples: true is bad. */
      readonly recent: readonly boolean[]
      readonly sinceMs: number
      /** How long it was open before; 0 when it never was. */
      readonly lastOpenMs: number
    }
  | { readonly state: 'open'; readonly untilMs: number; readonly openMs: number }
  | { readonly state: 'half-open'; readonly good: number; readonly openMs: number }

export const CLOSED: Breaker = { state: 'closed', recent: [], sinceMs: 0, lastOpenMs: 0 }

export function afterSample(breaker: Breaker, sample: LagSample, rules: BreakerRules): Breaker {
  const bad = sample.lagMs === null || sample.lagMs > rules.sloMs
  switch (breaker.state) {
    case 'closed': {
      const recent = [...breaker.recent, bad].slice(-rules.windowSamples)
      if (recent.filter(Boolean).length < rules.badSamples) return { ...breaker, recent }
      // Closed for less than it was open: the same trouble has come back, not a new one.
      const isSameTrouble = sample.atMs - breaker.sinceMs < breaker.lastOpenMs
      return opened(isSameTrouble ? 2 * breaker.lastOpenMs : rules.openMs, sample, rules)
    }
    case 'open':
      if (sample.atMs < breaker.untilMs) return breaker
      return afterTry(bad, { sample, rules, openMs: breaker.openMs, good: 0 })
    case 'half-open':
      return afterTry(bad, { sample, rules, openMs: breaker.openMs, good: breaker.good })
  }
}

interface Try {
  readonly sample: LagSample
  readonly rules: BreakerRules
  readonly openMs: number
  /** Good samples before this one. */
  readonly good: number
}

function afterTry(bad: boolean, { sample, rules, openMs, good }: Try): Breaker {
  if (bad) return opened(2 * openMs, sample, rules)
  return good + 1 < rules.goodSamples
    ? { state: 'half-open', good: good + 1, openMs }
    : { state: 'closed', recent: [], sinceMs: sample.atMs, lastOpenMs: openMs }
}

function opened(wantedMs: number, sample: LagSample, rules: BreakerRules): Breaker {
  const openMs = Math.min(wantedMs, rules.openMaxMs)
  const jitterMs = openMs * rules.jitterRatio * sample.chance
  return { state: 'open', untilMs: sample.atMs + openMs + jitterMs, openMs }
}
