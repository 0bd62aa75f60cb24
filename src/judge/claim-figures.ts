/**
 * What rounds of an experiment say of one measure. In: a formula and the record. Out: its value per round, or why there is
 * none. Pure.
 */
import { parseFormula } from '../kit/formula.ts'
import type { ExperimentRecord } from '../results/claims-record.ts'

export type RoundValues =
  | {
      readonly state: 'known'
      readonly values: readonly number[]
      readonly skipped: SkippedRounds | null
    }
  | { readonly state: 'unknown'; readonly because: string }

/** Rounds that were begun and gave no value: an arm that failed, a figure that is missing, a division by nothing. */
export interface SkippedRounds {
  readonly rounds: number
  /** Each reason once. */
  readonly because: string
}

type Arms = ExperimentRecord['arms']

/** A ratio is taken within each round: what drifts from one to the next hits both of its ends. */
export function valuesPerRound(
  formula: string,
  experiment: ExperimentRecord | undefined,
): RoundValues {
  if (experiment === undefined) return unknown('its experiment was not run')
  const parsed = parseFormula(formula)
  const { names } = parsed
  const values: number[] = []
  const reasons: string[] = []
  const nowhere = `${formula} is no number there`
  for (const arms of armsByRound(experiment, names)) {
    const figures = figuresOf(arms)
    const value = names.every((name) => figures.has(name)) ? parsed.evaluate(figures) : null
    if (value === null) reasons.push(whyNot(names, arms))
    else if (Number.isFinite(value)) values.push(value)
    else reasons.push(nowhere)
  }
  const because = [...new Set(reasons)].join('; ')
  if (values.length > 0) {
    const skipped = reasons.length === 0 ? null : { rounds: reasons.length, because }
    return { state: 'known', values, skipped }
  }
  // Over all rounds: an arm that could not run is the reason, not that later rounds were not reached.
  const runs = armsByRound(experiment, names).flat()
  return unknown(
    reasons.every((one) => one === nowhere) && runs.length > 0 ? nowhere : whyNot(names, runs),
  )
}

function unknown(because: string): RoundValues {
  return { state: 'unknown', because }
}

/** Rounds in which an arm that the formula names was run at all, whatever came of it. */
function armsByRound({ arms }: ExperimentRecord, names: readonly string[]): readonly Arms[] {
  const needed = armsOf(names)
  const rounds = new Map<number, Arms>()
  for (const run of arms) {
    if (needed.has(run.arm)) rounds.set(run.round, [...(rounds.get(run.round) ?? []), run])
  }
  return [...rounds.values()]
}

function armsOf(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.split('.')[0] ?? ''))
}

function figuresOf(arms: Arms): ReadonlyMap<string, number> {
  return new Map(
    arms.flatMap(({ arm, outcome }) =>
      outcome.state === 'measured'
        ? Object.entries(outcome.values).map(([name, value]) => [`${arm}.${name}`, value] as const)
        : [],
    ),
  )
}

function whyNot(names: readonly string[], arms: Arms): string {
  for (const { arm, outcome } of arms) {
    if (outcome.state === 'skipped') return outcome.because
    if (outcome.state === 'failed') return `arm ${arm} failed: ${outcome.message}`
  }
  const ran = new Set(arms.map(({ arm }) => arm))
  const missing = [...armsOf(names)].filter((arm) => !ran.has(arm))
  return missing.length > 0
    ? `the study ended before ${missing.join(' and ')} was run`
    : 'the server does not tell this figure'
}
