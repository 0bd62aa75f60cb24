/**
 * Findings in words that can be repeated in a meeting. In: findings of targets. Out: one sentence per target, the verdict
 * over all of them and the phase. No figure is computed here.
 */
import {
  formatHeadroom,
  formatInterval,
  formatMonth,
  formatMonthRange,
  formatNumber,
  formatRate,
  formatRatio,
  formatTimes,
} from '../kit/units.ts'
import { HORIZON_MONTHS } from '../plan/projection.ts'
import type { Profile } from '../plan/profile.ts'
import { bandOf, describe } from './demand.ts'
import { faultVerdict, faultsInWords } from './faults.ts'
import { discardedInWords } from './evidence.ts'
import type { TargetFindings } from './findings.ts'
import { sloInWords } from './limit.ts'
import type { Trigger } from './trigger.ts'
import type { DateRange, Judgement } from './verdict.ts'

type Unspoken = Omit<TargetFindings, 'sentence'>

export interface SpokenAbout {
  readonly profile: Profile
  readonly triggers: readonly Trigger[]
  /** Largest breaking limit by metric, to write `p99 > 50 ms`. */
  readonly slos: readonly { readonly metric: string; readonly max: number }[]
}

const NUMBERS = ['none', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
const RESOURCE: Readonly<Record<NonNullable<TargetFindings['limit']>['by'], string>> = {
  service: 'service CPU',
  engine: 'the engine',
  queries: 'analytical queries beside ingestion',
  machine: 'the cores of this machine',
  driver: 'the driver',
  pool: 'the connections',
  answers: 'what the service answered',
  unknown: 'a resource not identified',
}

export function targetSentence(target: Unspoken, about: SpokenAbout): string {
  if (target.rounds.length === 0) {
    const why = discardedInWords(target.discarded)
    return `${target.target} is not judged: ${why === '' ? 'it was not run' : why}.`
  }
  // A rate that a fault broke says nothing of what the target holds.
  if (target.faults.length > 0) {
    return faultsInWords(target.target, target.faults, target.lostEvents)
  }
  const parts = [holdsInWords(target, about), ...triggersInWords(target.judgements, about)]
  if (!target.auditPassed) parts.push('an audit of it failed')
  return `${target.target} ${parts.join('; ')}.`
}

/** The simplest target that fits the profile, or why none does. */
export function overallVerdict(targets: readonly Unspoken[], about: SpokenAbout): string {
  const faults = faultVerdict(targets)
  if (faults !== null) return faults
  const { profile } = about
  const fits = targets.filter((target) => misfits(target, profile).length === 0)
  const simplest = fits.toSorted(
    (a, b) =>
      a.partsToOperate.length - b.partsToOperate.length ||
      (b.sustainedPerS?.mid ?? 0) - (a.sustainedPerS?.mid ?? 0),
  )[0]
  const rate = formatRate(profile.ratePerS)
  if (simplest === undefined) {
    const why = targets.map((target) => `${target.target} ${listed(misfits(target, profile))}`)
    return `No target measured here is shown to suit ${rate}: ${why.join('; ')}.`
  }
  // A documented trigger that fires is not argued away by a rate that holds.
  const fires = simplest.judgements.some((one) => one.verdict.state === 'fired')
  const words = [
    `${simplest.target} ${fires ? 'carries' : 'is enough for'} ${rate}: it ${heldInWords(simplest, about)}`,
    ...othersInWords({ targets, fits, chosen: simplest, about }),
    ...triggersInWords(simplest.judgements, about),
  ]
  return `${words.join('; ')}.`
}

interface OthersInput {
  readonly targets: readonly Unspoken[]
  readonly fits: readonly Unspoken[]
  readonly chosen: Unspoken
  readonly about: SpokenAbout
}

/** Who would do as well, and what keeps the rest from it. */
function othersInWords(input: OthersInput): readonly string[] {
  const { targets, fits, chosen, about } = input
  const alike = fits.filter((target) => target !== chosen).map((target) => target.target)
  const rest = targets.filter((target) => !fits.includes(target))
  const words =
    alike.length === 0
      ? []
      : [`${listed(alike)} would ${alike.length === 1 ? '' : 'each '}suit too`]
  return [
    ...words,
    ...rest.map((target) => `${target.target} ${listed(misfits(target, about.profile))}`),
  ]
}

/** Where the documents place the declared rate, and how full the band is. */
export function phaseInWords(about: SpokenAbout): string {
  const rule = about.triggers.map((trigger) => trigger.judged).find((one) => one.kind === 'band')
  if (rule === undefined) return ''
  const { ratePerS } = about.profile
  const band = bandOf(ratePerS, rule)
  if (band === null) return `${formatRate(ratePerS)} is beyond every documented phase`
  return `${describe(band)}; ${formatRate(ratePerS)} is ${formatRatio(ratePerS / band.toPerS)} of its upper end`
}

/** Why a target does not suit the profile; empty where it does. */
export function misfits(target: Unspoken, profile: Profile): readonly string[] {
  if (target.rounds.length === 0) return ['has no round that counts']
  const why: string[] = []
  const sustained = target.sustainedPerS
  if (sustained === null) why.push('keeps no measured rate within its SLOs')
  else if (sustained.low < profile.ratePerS) {
    if (sustained.low === 0) why.push('kept no measured rate in some rounds')
    else why.push(`holds only ${formatInterval(sustained, 'events/s')}`)
  }
  if (!target.auditPassed) why.push('failed an audit')
  if (tier(target.durability) < tier(profile.needs.durability)) {
    why.push(`survives ${target.durability} where ${profile.needs.durability} is needed`)
  }
  const freshness = target.freshnessUs?.p99
  if (
    freshness === 'infinite' ||
    (freshness !== undefined && freshness > profile.needs.freshnessS * 1e6)
  ) {
    why.push('is less fresh than needed')
  }
  return why
}

function tier(durability: string): number {
  return ['nothing', 'process-kill', 'power-loss', 'node-loss'].indexOf(durability)
}

function holdsInWords(target: Unspoken, about: SpokenAbout): string {
  const { sustainedPerS: sustained, headroomRatio, limit } = target
  if (sustained === null) {
    const first = limit === null ? '' : ` (${limitInWords(target, about)})`
    return `keeps no measured rate within its SLOs on this machine${first}`
  }
  const held = heldInWords(target, about)
  if (sustained.low === 0) return held
  const ratio = headroomRatio?.mid ?? 1
  if (limit === null) return `${held}, and reached no limit there`
  if (ratio < 1 || ratio >= 3) {
    return `${held}; its first limit is ${limitInWords(target, about)}`
  }
  const rate = formatInterval(sustained, 'events/s')
  const limitWords = limitInWords(target, about)
  return `holds ${rate} on this machine with ${formatHeadroom(ratio)} to its first limit (${limitWords})${asFarAsMeasured(target)}`
}

/** A limit that nobody measured was not kept. */
function asFarAsMeasured({ unmeasuredSlos }: Unspoken): string {
  if (unmeasuredSlos.length === 0) return ''
  const verb = unmeasuredSlos.length === 1 ? 'was' : 'were'
  return `, as far as measured (${listed(unmeasuredSlos)} ${verb} not)`
}

function heldInWords(target: Unspoken, about: SpokenAbout): string {
  const { sustainedPerS: sustained, headroomRatio } = target
  if (sustained === null) return 'keeps no measured rate within its SLOs'
  const declared = `the declared ${formatRate(about.profile.ratePerS)}`
  if (sustained.low === 0) {
    const most = formatRate(sustained.high)
    return `kept no measured rate in some rounds and up to ${most} in others on this machine (declared: ${formatRate(about.profile.ratePerS)})`
  }
  const rate = formatInterval(sustained, 'events/s')
  return `holds ${rate} on this machine, ${relation(headroomRatio?.mid ?? 1, declared)}${asFarAsMeasured(target)}`
}

function relation(ratio: number, declared: string): string {
  if (ratio >= 3) return `${formatTimes(ratio)} ${declared}`
  return `${formatHeadroom(ratio)} ${ratio < 1 ? 'of' : 'over'} ${declared}`
}

function limitInWords(target: Unspoken, about: SpokenAbout): string {
  const { limit, brokenAtPerS } = target
  if (limit === null) return ''
  const at = brokenAtPerS === null ? '' : ` at ${formatInterval(brokenAtPerS, 'events/s')}`
  if (limit.answers !== undefined) return `${limit.answers}${at}`
  const max = about.slos.find((slo) => slo.metric === limit.metric)?.max
  const slo = max === undefined ? limit.metric : sloInWords(limit.metric, max)
  return `${RESOURCE[limit.by]}, ${slo}${at}`
}

function triggersInWords(all: readonly Judgement[], about: SpokenAbout): readonly string[] {
  const judgements = all.filter(({ verdict }) => verdict.state !== 'does-not-apply')
  if (judgements.length === 0) return []
  const fired = judgements.filter((one) => one.verdict.state === 'fired')
  const unknown = judgements.filter((one) => one.verdict.state === 'unknown')
  const names = (list: readonly Judgement[]): string =>
    list.length === 0 ? '' : ` (${list.map((one) => shortOf(one, about)).join(', ')})`
  const fires = fired.length === 1 || fired.length === 0 ? 'fires' : 'fire'
  const words = [
    `of ${count(judgements.length)} documented triggers ${count(fired.length)} ${fires}${names(fired)}`,
  ]
  if (unknown.length > 0) {
    words.push(
      `${count(unknown.length)} ${unknown.length === 1 ? 'is' : 'are'} unknown${names(unknown)}`,
    )
  }
  return [words.join(' and '), ...nextInWords(judgements, about)]
}

/** The next trigger to fire under the profile’s growth, with its months. */
function nextInWords(judgements: readonly Judgement[], about: SpokenAbout): readonly string[] {
  const dated = judgements
    .flatMap((one) =>
      one.verdict.state === 'holds' ? [{ one, dates: one.verdict.firesBetween }] : [],
    )
    .filter(({ dates }) => dates.earliest !== null)
    .toSorted((a, b) => sortKey(a.dates).localeCompare(sortKey(b.dates)))
  const { low, high } = about.profile.growthPerMonthRatio
  const growth = low === high ? formatRatio(low) : `${formatNumber(low * 100)}–${formatRatio(high)}`
  const [next] = dated
  const first = judgements.some((one) => one.verdict.state === 'fired') ? 'next' : 'first'
  if (next === undefined) {
    const years = String(HORIZON_MONTHS / 12)
    return judgements.some((one) => one.verdict.state === 'holds')
      ? [`at ${growth} growth a month none of those that hold fires within ${years} years`]
      : []
  }
  const rule = ruleOf(next.one, about)
  if (next.dates.likely === null && next.dates.latest === null) {
    const until = formatMonth(next.dates.earliest ?? '')
    return [
      `at ${growth} growth a month the evidence for the ${first} (${rule}) lasts until ${until} at least`,
    ]
  }
  return [`at ${growth} growth a month the ${first} (${rule}) fires ${when(next.dates)}`]
}

function when(dates: DateRange): string {
  const { earliest, likely, latest, beyondEvidence } = dates
  if (earliest === null) return 'not within the horizon'
  const beyond = beyondEvidence ? ', extrapolated beyond the evidence' : ''
  if (latest !== null) return `${formatMonthRange(earliest, latest)}${beyond}`
  const towards = likely === null ? '' : `, likely in ${formatMonth(likely)}`
  return `from ${formatMonth(earliest)} on${towards}${beyond}`
}

/** Known dates come before mere lower bounds: those say how far the evidence reaches, not when something fires. */
function sortKey(dates: DateRange): string {
  const known = dates.likely !== null || dates.latest !== null
  return `${known ? 'a' : 'z'}${dates.likely ?? dates.earliest ?? ''}`
}

/** `a`, `a and b`, `a, b and c`. */
function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}

function shortOf(judgement: Judgement, about: SpokenAbout): string {
  return `${judgement.trigger}: ${ruleOf(judgement, about)}`
}

function ruleOf(judgement: Judgement, about: SpokenAbout): string {
  const trigger = about.triggers.find((one) => one.id === judgement.trigger)
  return trigger?.short ?? judgement.title
}

function count(value: number): string {
  return NUMBERS[value] ?? value.toString()
}
