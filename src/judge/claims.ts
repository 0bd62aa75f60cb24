/**
 * Claims against what was measured. In: a record of experiments. Out: for each claim its figures, each with an interval
 * over the rounds, and a verdict that follows from them by one rule. Pure: the same record gives the same words.
 */
import { formatInterval, formatQuantity } from '../kit/units.ts'
import type { ClaimsRecord, ExperimentRecord } from '../results/claims-record.ts'
import type { Interval } from '../results/record.ts'
import type { Bounds, Claim, Measure, Reading } from '../scenario/claim.ts'
import { saturatedClients } from './busy-clients.ts'
import type { SkippedRounds } from './claim-figures.ts'
import { valuesPerRound } from './claim-figures.ts'
import { RANKING_MIN_ROUNDS, intervalOverRounds } from './statistics.ts'

export type ClaimVerdict = 'confirmed' | 'refuted' | 'qualified' | 'not measured'

export type MeasureFinding = Pick<Measure, 'says' | 'unit' | 'kind' | 'role' | 'documented'> &
  (
    | {
        readonly state: 'measured'
        readonly interval: Interval
        readonly rounds: number
        /** Begun, and left no value: what was not looked at in every round is at most qualified. */
        readonly skipped: SkippedRounds | null
        /** Share of the time, where clients were the limit of a time: it says nothing of the server. null: they were not. */
        readonly clientsBusy: number | null
        /** `across`: part of the interval. null: the document gives no bounds. */
        readonly against: 'inside' | 'outside' | 'across' | null
        readonly seen: SeenFinding | null
      }
    | { readonly state: 'not measured'; readonly because: string }
  )

/** What was found before, elsewhere. */
export interface SeenFinding {
  readonly value: number
  readonly where: string
  readonly agrees: boolean
  /** Why it differs, as the claim's file says; null where nothing does. */
  readonly differs: string | null
}

export interface ClaimFinding {
  readonly claim: Claim
  readonly verdict: ClaimVerdict
  /** The rule's own words: figures and what they were held against. */
  readonly because: string
  /** What to make of it, by the figures. */
  readonly reading: string
  readonly measures: readonly MeasureFinding[]
  /** What the engine said meanwhile: plans, refusals; by `arm.step.what`. */
  readonly texts: readonly { readonly name: string; readonly text: string }[]
  /** Server, rounds and rows of the experiment. */
  readonly ranOn: string
}

export interface ClaimsFindings {
  readonly record: ClaimsRecord
  readonly claims: readonly ClaimFinding[]
  /** One sentence over all. */
  readonly verdict: string
  readonly caveats: readonly string[]
}

export const CLAIM_VERDICTS = ['confirmed', 'qualified', 'refuted', 'not measured'] as const

export function judgeClaims(record: ClaimsRecord): ClaimsFindings {
  const claims = record.claims.map((claim) => judgeClaim(claim, experimentOf(claim, record)))
  const counts = CLAIM_VERDICTS.map((verdict) => ({
    verdict,
    count: claims.filter((one) => one.verdict === verdict).length,
  })).filter(({ count }) => count > 0)
  const told = counts.map(({ verdict, count }) => `${String(count)} ${verdict}`).join(', ')
  return {
    record,
    claims,
    verdict: `Of ${String(claims.length)} documented ${claims.length === 1 ? 'claim' : 'claims'}: ${told}.`,
    caveats: caveatsOf(record),
  }
}

export function judgeClaim(claim: Claim, experiment: ExperimentRecord | undefined): ClaimFinding {
  const measures = claim.measures.map((measure) => findMeasure(measure, experiment))
  return {
    claim,
    ...verdictOf(measures, claim.cannotRefute),
    reading: readingOf(claim, experiment),
    measures,
    texts: textsOf(experiment),
    ranOn: ranOn(experiment),
  }
}

function readingOf({ reading, readings }: Claim, experiment: ExperimentRecord | undefined): string {
  const held = readings.filter((one) => holds(one, experiment)).map(({ says }) => says.trim())
  return [reading.trim(), ...held].filter((words) => words !== '').join(' ')
}

/** In every round that was begun, and of the server: what is not known is not said. */
function holds(
  { value, kind, within }: Reading,
  experiment: ExperimentRecord | undefined,
): boolean {
  const found = valuesPerRound(value, experiment)
  if (found.state === 'unknown' || found.skipped !== null) return false
  const interval = intervalOverRounds(found.values)
  if (interval === null || compare(interval, within) !== 'inside') return false
  if (kind === 'counter') return true
  return found.values.length >= RANKING_MIN_ROUNDS && saturatedClients(value, experiment) === null
}

function experimentOf(claim: Claim, record: ClaimsRecord): ExperimentRecord | undefined {
  return record.experiments.find(({ experiment }) => experiment.name === claim.experiment)
}

function findMeasure(measure: Measure, experiment: ExperimentRecord | undefined): MeasureFinding {
  const { says, unit, kind, role, documented } = measure
  const told = { says, unit, kind, role, documented }
  const found = valuesPerRound(measure.value, experiment)
  if (found.state === 'unknown') return { ...told, state: 'not measured', because: found.because }
  const { skipped } = found
  const rounds = found.values.length
  const interval = intervalOverRounds(found.values)
  if (interval === null) throw new Error('a known figure has no value')
  if (kind === 'time' && rounds < RANKING_MIN_ROUNDS && role !== 'context') {
    const because = `${String(rounds)} of the ${String(RANKING_MIN_ROUNDS)} interleaved rounds a time needs${skippedWords(skipped, rounds)}`
    return { ...told, state: 'not measured', because }
  }
  const against = documented === undefined ? null : compare(interval, documented)
  return {
    ...told,
    state: 'measured',
    interval,
    rounds,
    skipped,
    clientsBusy: kind === 'time' ? saturatedClients(measure.value, experiment) : null,
    against,
    seen: seenOf(measure, interval),
  }
}

export function compare(
  { low, high }: Interval,
  { atLeast = -Infinity, atMost = Infinity }: Bounds,
): 'inside' | 'outside' | 'across' {
  if (low >= atLeast && high <= atMost) return 'inside'
  return high < atLeast || low > atMost ? 'outside' : 'across'
}

function seenOf({ seen }: Measure, { low, high }: Interval): SeenFinding | null {
  if (seen === undefined) return null
  const room = Math.abs(seen.value) * seen.within
  const agrees = high >= seen.value - room && low <= seen.value + room
  return { value: seen.value, where: seen.where, agrees, differs: seen.differs ?? null }
}

/** The one rule. */
export function verdictOf(
  measures: readonly MeasureFinding[],
  cannotRefute: string | undefined,
): { readonly verdict: ClaimVerdict; readonly because: string } {
  const deciding = measures.filter(({ role }) => role === 'decides')
  const known = deciding.filter((one) => one.state === 'measured')
  const unknown = deciding.filter((one) => one.state === 'not measured')
  const reasons = unknown.map(({ because }) => because)
  if (known.length === 0) return { verdict: 'not measured', because: together(reasons) }
  const limits = measures.filter(({ role }) => role === 'limits')
  // A limit nobody looked at limits no less than one that does not hold.
  reasons.push(...limits.filter((one) => one.state === 'not measured').map(measureWords))
  const words = known.map(measureWords).join('; ')
  const part = reasons.length === 0 ? '' : `; not measured: ${together(reasons)}`
  const judges = known.every(isOfTheServer)
  if (judges && known.every(({ against }) => against === 'outside')) {
    return cannotRefute === undefined
      ? { verdict: 'refuted', because: `${words}${part}` }
      : { verdict: 'qualified', because: `${words}${part}. ${cannotRefute}` }
  }
  const open = limits.filter(
    (one) => one.state === 'measured' && (one.against !== 'inside' || !isOfTheServer(one)),
  )
  const whole = judges && known.every(({ against }) => against === 'inside')
  if (whole && reasons.length === 0 && open.length === 0) {
    return { verdict: 'confirmed', because: words }
  }
  const but = open.length === 0 ? '' : `; but ${open.map(measureWords).join('; ')}`
  return { verdict: 'qualified', because: `${words}${part}${but}` }
}

type Measured = Extract<MeasureFinding, { readonly state: 'measured' }>

/** Looked at in every round, and limited by nothing of ours. */
function isOfTheServer({ skipped, clientsBusy }: Measured): boolean {
  return skipped === null && clientsBusy === null
}

function together(reasons: readonly string[]): string {
  return [...new Set(reasons)].join('; ')
}

/** `BRIN index over heap: 0.011 %, documented 5–15 %`. */
export function measureWords(measure: MeasureFinding): string {
  if (measure.state === 'not measured') return `${measure.says}: ${measure.because}`
  const value = formatInterval(measure.interval, measure.unit)
  const bounds = boundsWords(measure)
  return `${measure.says}: ${value}${bounds === null ? '' : `, documented ${bounds}`}${doubtWords(measure)}`
}

/** Why a figure is no whole answer; nothing where it is one. */
export function doubtWords({
  skipped,
  rounds,
  clientsBusy,
}: Pick<Measured, 'skipped' | 'rounds' | 'clientsBusy'>): string {
  const clients =
    clientsBusy === null
      ? ''
      : `, where the clients were the limit (busy ${String(Math.round(clientsBusy * 100))} % of the time), not the server`
  return `${skippedWords(skipped, rounds)}${clients}`
}

/** `, without 1 of 3 rounds: arm btree failed: …`; nothing where every round gave a value. */
function skippedWords(skipped: SkippedRounds | null, rounds: number): string {
  if (skipped === null) return ''
  const begun = skipped.rounds + rounds
  return `, without ${String(skipped.rounds)} of ${String(begun)} rounds: ${skipped.because}`
}

export function boundsWords({
  documented,
  unit,
}: Pick<MeasureFinding, 'documented' | 'unit'>): string | null {
  if (documented === undefined) return null
  const { atLeast, atMost } = documented
  if (atLeast !== undefined && atMost !== undefined) {
    return formatInterval({ low: atLeast, high: atMost }, unit)
  }
  if (atLeast !== undefined) return `at least ${formatQuantity(atLeast, unit)}`
  return `at most ${formatQuantity(atMost ?? 0, unit)}`
}

/** Of the first round: later ones say the same of plans and refusals. */
function textsOf(experiment: ExperimentRecord | undefined): ClaimFinding['texts'] {
  return (experiment?.arms ?? []).flatMap(({ arm, round, outcome }) =>
    outcome.state === 'measured' && round === 1
      ? // A record on disk has its keys in alphabetical order: what was just measured reads the same.
        Object.entries(outcome.texts)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, text]) => ({ name: `${arm}.${name}`, text }))
      : [],
  )
}

function ranOn(experiment: ExperimentRecord | undefined): string {
  if (experiment === undefined) return 'not run'
  const servers = experiment.engines.map(({ label, provider }) => `${label} (${provider})`)
  const rounds = Math.max(0, ...experiment.arms.map(({ round }) => round))
  const where = [...new Set(servers)].join(', ')
  return `${where === '' ? 'no server' : where}, ${String(rounds)} ${rounds === 1 ? 'round' : 'rounds'}`
}

const FREE_FSYNC_BELOW_US = 200

function caveatsOf({ machine, scale, cutShort }: ClaimsRecord): readonly string[] {
  const fsync = machine.fsyncP50Us
  return [
    ...(cutShort === null ? [] : [`The study was cut short: ${cutShort}.`]),
    ...(scale === 'tiny' ? ['Scale tiny is for tests: counters hold, times say nothing.'] : []),
    ...(fsync !== null && fsync < FREE_FSYNC_BELOW_US
      ? [
          `This disk's fsync takes ${formatQuantity(fsync, 'µs')}: rates of single commits are far above those of a disk that waits; arms with an emulated 1 ms say so.`,
        ]
      : []),
    `Server and clients share ${String(machine.cores)} cores: absolute rates are this machine's, ratios within a round and counters travel further.`,
  ]
}
