/**
 * A symptom that grows with the rows held: aggregation queries. In: a target's evidence. Out: a verdict at the rows the
 * user would hold at the declared rate and retention. Time is taken to grow linearly in rows, and only within 2× of
 * the rows that were measured; what answers too slowly with fewer rows has fired whatever the user holds.
 */
import { findMetric, parseMetricKey } from '../collect/metrics.ts'
import { formatMany, formatQuantity } from '../kit/units.ts'
import { SECONDS_PER_DAY, rowsHeld } from '../plan/formulas.ts'
import type { Interval } from '../results/record.ts'
import { INITIAL_ROWS_MAX } from './command.ts'
import { conditionsOf } from './conditions.ts'
import { EVIDENCE_REACH, valueAt } from './curve.ts'
import { measuredSteps, pointsOf, runIds } from './evidence.ts'
import type { Round } from './evidence.ts'
import { intervalOverRounds, scaleInterval } from './statistics.ts'
import { datesOf, notBefore } from './dates.ts'
import { noRoundCounts, unknown } from './symptom.ts'
import type { JudgeContext } from './symptom.ts'
import type { SymptomRule } from './trigger.ts'
import { contentionInWords, isContended } from './whose-limit.ts'
import type { Verdict } from './verdict.ts'

interface QueryEvidence {
  readonly key: string
  /** Over rounds; Infinity where most answers failed. */
  readonly value: Interval
  /** Rows held when it was measured: the fewest over rounds. */
  readonly rows: number
}

export function judgeRowsSymptom(context: JudgeContext, rule: SymptomRule): Verdict {
  const { evidence, study } = context
  if (evidence.rounds.length === 0) return noRoundCounts(context)
  const known = rule.metrics
    .map((key) => evidenceFor(evidence.rounds, { key, ratePerS: study.profile.ratePerS }))
    .filter((one) => one !== null)
  const worst = known.toSorted((a, b) => b.value.mid - a.value.mid)[0]
  const needed = rowsHeld(study.profile.ratePerS, study.profile.retentionDays)
  if (worst === undefined) {
    return unknown(context, whyNoAnswer(context, rule), needed)
  }
  return verdictFor({ context, rule, worst, needed })
}

function whyNoAnswer({ evidence }: JudgeContext, rule: SymptomRule): string {
  const run = evidence.rounds[0]?.run
  const keys = rule.metrics.join(', ')
  if (run?.target.kind !== 'service') return `this scenario asked none of ${keys}`
  const asked = evidence.rounds.some((round) => round.measured.queries.length > 0)
  return asked
    ? `how many rows the store of ${run.target.name} holds is not known: name its tables under engines in the target, and give the server’s address`
    : `${run.target.name} was asked none of ${keys}: list those it answers under queries in the target`
}

interface Judged {
  readonly context: JudgeContext
  readonly rule: SymptomRule
  readonly worst: QueryEvidence
  readonly needed: number
}

function verdictFor(judged: Judged): Verdict {
  const { rule, worst, needed } = judged
  const { warning, critical } = rule.thresholds
  const threshold = warning ?? critical
  const reach = worst.rows * EVIDENCE_REACH
  // Fewer rows than measured are never slower; more are slower in proportion, as far as the evidence reaches.
  if (needed <= worst.rows) {
    if (worst.value.mid <= threshold) return holds(judged, { rows: worst.rows, how: 'measured' })
    if (needed * EVIDENCE_REACH < worst.rows) return tooFewOrMany(judged)
  } else if (worst.value.mid > threshold) {
    return fired(judged, { rows: worst.rows, how: 'measured' })
  }
  const judgedAt = Math.min(needed, reach)
  const value = (worst.value.mid * judgedAt) / worst.rows
  if (value > threshold) return fired(judged, { rows: judgedAt, how: 'extrapolated' })
  if (needed <= reach) return holds(judged, { rows: needed, how: 'extrapolated' })
  return tooFewOrMany(judged)
}

interface JudgedAt {
  readonly rows: number
  readonly how: 'measured' | 'extrapolated'
}

function fired(judged: Judged, at: JudgedAt): Verdict {
  const { context, rule, worst, needed } = judged
  const { rounds } = context.evidence
  if (rounds.every((round) => measuredSteps(round).every((step) => isContended(round, step)))) {
    const words = contentionInWords(rounds.flatMap((round) => measuredSteps(round)))
    return unknown(
      context,
      `${write(worst.key, worst.value.mid)} was slow while something else used the machine (${words})`,
    )
  }
  const value = worst.value.mid * (at.rows / worst.rows)
  const { warning, critical } = rule.thresholds
  const level = value > critical ? 'critical' : 'warning'
  const limit = level === 'critical' ? critical : (warning ?? critical)
  return {
    state: 'fired',
    level,
    evidence: at.how,
    value,
    because: `${write(worst.key, value)} over ${formatRows(at.rows)} (${at.how}) is beyond ${formatQuantity(limit, unitOf(worst.key))}; at the declared rate and retention ${formatRows(needed)} are held; ${conditionsOf(context.evidence.rounds)}`,
    runs: runIds(context.evidence),
  }
}

function holds(judged: Judged, at: JudgedAt): Verdict {
  const { context, rule, worst, needed } = judged
  const { study } = context
  const limit = rule.thresholds.warning ?? rule.thresholds.critical
  const value = worst.value.mid * (at.rows / worst.rows)
  const rowsRatio = rowsHeadroom(judged, limit)
  const crossing = rowsRatio === null ? null : scaleInterval(rowsRatio, study.profile.ratePerS)
  const reachPerS = (worst.rows * EVIDENCE_REACH) / (SECONDS_PER_DAY * study.profile.retentionDays)
  const seen = crossing !== null && crossing.mid <= reachPerS
  return {
    state: 'holds',
    evidence: at.how,
    value,
    headroomRatio: seen ? rowsRatio : metricHeadroom(judged, { limit, rows: at.rows }),
    headroomOf: seen ? 'rate' : 'metric',
    because: `${write(worst.key, value)} over ${formatRows(at.rows)} (${at.how}), limit ${formatQuantity(limit, unitOf(worst.key))}; at the declared rate and retention ${formatRows(needed)} are held; ${conditionsOf(context.evidence.rounds)}`,
    firesBetween: seen
      ? datesOf(study, { crossing, evidencePerS: reachPerS })
      : notBefore(study, reachPerS),
    runs: runIds(context.evidence),
  }
}

/** Rows at which the limit is crossed ÷ rows needed: rows grow with the rate, so this is a ratio of rates too. */
function rowsHeadroom(judged: Judged, limit: number): Interval | null {
  const { worst, needed } = judged
  const { low, mid, high } = worst.value
  if (low <= 0 || !Number.isFinite(high)) return null
  const crossingRows = (value: number): number => (worst.rows * limit) / value / needed
  return { low: crossingRows(high), mid: crossingRows(mid), high: crossingRows(low) }
}

function metricHeadroom(
  judged: Judged,
  at: { readonly limit: number; readonly rows: number },
): Interval | null {
  const { low, mid, high } = judged.worst.value
  if (low <= 0 || !Number.isFinite(high)) return null
  const scale = judged.worst.rows / at.rows
  return {
    low: (at.limit / high) * scale,
    mid: (at.limit / mid) * scale,
    high: (at.limit / low) * scale,
  }
}

function tooFewOrMany(judged: Judged): Verdict {
  const { context, worst, needed } = judged
  const few = needed > worst.rows
  // The most a scenario preloads may still be too few: then the command narrows it down and does not settle it.
  const most = INITIAL_ROWS_MAX * EVIDENCE_REACH
  const capped =
    needed > most ? `; a scenario preloads enough to judge ${formatRows(most)} at most` : ''
  return unknown(
    context,
    few
      ? `too few rows: ${write(worst.key, worst.value.mid)} over ${formatRows(worst.rows)} supports at most ${formatRows(worst.rows * EVIDENCE_REACH)}, and ${formatRows(needed)} are held at the declared rate and retention${capped}`
      : `beyond evidence: ${write(worst.key, worst.value.mid)} was measured over ${formatRows(worst.rows)}, more than twice the ${formatRows(needed)} held at the declared rate and retention`,
    few ? needed / EVIDENCE_REACH : needed,
  )
}

/** The step nearest above the declared rate where the query was asked, else the whole run’s median answer. */
function evidenceFor(
  rounds: readonly Round[],
  options: { readonly key: string; readonly ratePerS: number },
): QueryEvidence | null {
  const { key, ratePerS } = options
  const values: number[] = []
  const rows: number[] = []
  for (const round of rounds) {
    const value = answerOf(round, { key, ratePerS })
    const held = Math.min(...round.measured.stores.map((store) => store.rows))
    if (value === null || !Number.isFinite(held) || held <= 0) continue
    values.push(value)
    rows.push(held)
  }
  const value = intervalOverRounds(values)
  return value === null ? null : { key, value, rows: Math.min(...rows) }
}

function answerOf(
  round: Round,
  options: { readonly key: string; readonly ratePerS: number },
): number | null {
  const { id, label } = parseMetricKey(options.key)
  if (id === 'query.seconds') {
    const query = round.measured.queries.find((one) => one.name === label)
    if (query !== undefined && query.failed > query.answered) return Infinity
    const median = query?.seconds?.p50
    if (median === 'infinite') return Infinity
    if (median !== undefined) return median
  }
  const at = valueAt(pointsOf(round, options.key), options.ratePerS)
  return at.state === 'measured' || at.state === 'at-most' || at.state === 'extrapolated'
    ? at.value
    : null
}

function formatRows(rows: number): string {
  return `${formatMany(rows)} rows`
}

function unitOf(key: string): string {
  return findMetric(key)?.unit ?? ''
}

function write(key: string, value: number): string {
  const { label } = parseMetricKey(key)
  return `${label ?? key} ${formatQuantity(value, unitOf(key))}`
}
