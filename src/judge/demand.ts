/**
 * Triggers that follow from what the user asks for, never from a synthetic rate. In: the profile. Out: fired, or holds
 * with the ratio to the documented level. No run is needed and none is named.
 */
import { formatBytes, formatMany, formatNumber, formatRate } from '../kit/units.ts'
import { monthlyBytes, rateOfRowsPerMonth, rowsPerMonth } from '../plan/formulas.ts'
import type { Profile } from '../plan/profile.ts'
import type { StudyRecord } from '../results/record.ts'
import { datesOf } from './dates.ts'
import type { BandRule, DemandRule } from './trigger.ts'
import type { DateRange, Verdict } from './verdict.ts'

export type BandOf = BandRule['bands'][number]

const NEVER: DateRange = { earliest: null, likely: null, latest: null, beyondEvidence: false }

interface Quantity {
  readonly value: number
  readonly written: (value: number) => string
  /** What the level means in another unit, said behind it. */
  readonly meaning?: string
  /** The rate at which this quantity reaches a level; null where growth of the rate does not move it. */
  readonly crossingPerS: ((level: number) => number) | null
}

export function judgeDemand(study: StudyRecord, rule: DemandRule): Verdict {
  const quantity = quantityOf(study.profile, rule.quantity)
  const { value, written } = quantity
  const { warning, critical } = rule.thresholds
  const first = warning ?? critical
  if (value > first) {
    const level = value > critical ? 'critical' : 'warning'
    const limit = level === 'critical' ? critical : first
    return {
      state: 'fired',
      level,
      evidence: 'declared',
      value,
      because: `the profile declares ${written(value)}${quantity.meaning ?? ''}; ${limit === 0 ? 'any fires it' : `the documented level is ${written(limit)}`}`,
      runs: [],
    }
  }
  return holds({ study, quantity, threshold: first })
}

interface Holding {
  readonly study: StudyRecord
  readonly quantity: Quantity
  readonly threshold: number
}

function holds({ study, quantity, threshold }: Holding): Verdict {
  const { value, written } = quantity
  const ratio = value > 0 && threshold > 0 ? threshold / value : null
  const crossing = quantity.crossingPerS?.(threshold) ?? null
  return {
    state: 'holds',
    evidence: 'declared',
    value,
    headroomRatio: ratio === null ? null : { low: ratio, mid: ratio, high: ratio },
    headroomOf: crossing === null ? 'metric' : 'rate',
    because:
      value === 0
        ? 'the profile declares no such need'
        : `the profile declares ${written(value)}${quantity.meaning ?? ''}; the documented level is ${written(threshold)}`,
    firesBetween: crossing === null ? NEVER : declaredDates(study, crossing),
    runs: [],
  }
}

/** Home is the first band: a declared rate above it has begun a later phase. */
export function judgeBand(study: StudyRecord, rule: BandRule): Verdict {
  const { ratePerS } = study.profile
  const band = bandOf(ratePerS, rule)
  const [home] = rule.bands
  if (home === undefined || band === null) {
    return {
      state: 'fired',
      level: 'critical',
      evidence: 'declared',
      value: ratePerS,
      because: `${formatRate(ratePerS)} is beyond every documented phase`,
      runs: [],
    }
  }
  if (band !== home) {
    return {
      state: 'fired',
      level: band === rule.bands[1] ? 'warning' : 'critical',
      evidence: 'declared',
      value: ratePerS,
      because: `${formatRate(ratePerS)} lies in ${describe(band)}`,
      runs: [],
    }
  }
  const ratio = home.toPerS / ratePerS
  return {
    state: 'holds',
    evidence: 'declared',
    value: ratePerS,
    headroomRatio: { low: ratio, mid: ratio, high: ratio },
    headroomOf: 'rate',
    because: `${formatRate(ratePerS)} lies in ${describe(home)}`,
    firesBetween: declaredDates(study, home.toPerS),
    runs: [],
  }
}

/** The first band that reaches the rate; null beyond the last. */
export function bandOf(ratePerS: number, rule: BandRule): BandOf | null {
  return rule.bands.find((band) => ratePerS <= band.toPerS) ?? null
}

export function describe(band: BandOf): string {
  return `${band.name} (${formatNumber(band.fromPerS)}–${formatRate(band.toPerS)}): ${band.architecture}`
}

function declaredDates(study: StudyRecord, crossingPerS: number): DateRange {
  const crossing = { low: crossingPerS, mid: crossingPerS, high: crossingPerS }
  return datesOf(study, { crossing, evidencePerS: Infinity })
}

function quantityOf(profile: Profile, quantity: DemandRule['quantity']): Quantity {
  switch (quantity) {
    case 'ratePerS':
      return { value: profile.ratePerS, written: formatRate, crossingPerS: (level) => level }
    case 'rowsPerMonth':
      return {
        value: rowsPerMonth(profile.ratePerS),
        written: (rows) => `${formatMany(rows)} rows a month`,
        crossingPerS: rateOfRowsPerMonth,
        meaning: `, ${formatBytes(monthlyBytes(profile.ratePerS, profile.eventBytes))} a month at ${formatBytes(profile.eventBytes)} an event before compression`,
      }
    case 'replayDays':
      return {
        value: profile.needs.replayDays,
        written: (days) => `replay of ${formatNumber(days)} days`,
        crossingPerS: null,
      }
    case 'consumers':
      return {
        value: profile.needs.consumers,
        written: (consumers) => `${formatNumber(consumers)} consumers`,
        crossingPerS: null,
      }
    case 'regions':
      return {
        value: profile.needs.regions,
        written: (regions) => `${formatNumber(regions)} regions`,
        crossingPerS: null,
      }
  }
}
