/**
 * What rounds of an experiment say of one measure. In: a formula and the record. Out: its value per round, or why there is
 * none. Pure.
 */
import { parseFormula } from '../kit/formula.ts'
import type { ExperimentRecord } from '../results/claims-record.ts'

export type RoundValues =
  | { readonly state: 'known'; readonly values: readonly number[] }
  | { readonly state: 'unknown'; readonly because: string }

/** A ratio is taken within each round: what drifts from one to the next hits both of its ends. */
export function valuesPerRound(
  formula: string,
  experiment: ExperimentRecord | undefined,
): RoundValues {
  if (experiment === undefined) return unknown('its experiment was not run')
  const parsed = parseFormula(formula)
  const { names } = parsed
  const values: number[] = []
  for (const figures of figuresByRound(experiment)) {
    if (!names.every((name) => figures.has(name))) continue
    const value = parsed.evaluate(figures)
    if (Number.isFinite(value)) values.push(value)
  }
  return values.length > 0 ? { state: 'known', values } : unknown(whyNot(names, experiment))
}

function unknown(because: string): RoundValues {
  return { state: 'unknown', because }
}

function figuresByRound({ arms }: ExperimentRecord): readonly ReadonlyMap<string, number>[] {
  const rounds = new Map<number, Map<string, number>>()
  for (const { arm, round, outcome } of arms) {
    if (outcome.state !== 'measured') continue
    const figures = rounds.get(round) ?? new Map<string, number>()
    for (const [name, value] of Object.entries(outcome.values)) figures.set(`${arm}.${name}`, value)
    rounds.set(round, figures)
  }
  return [...rounds.values()]
}

function whyNot(names: readonly string[], { arms }: ExperimentRecord): string {
  const needed = new Set(names.map((name) => name.split('.')[0] ?? ''))
  for (const { arm, outcome } of arms) {
    if (!needed.has(arm)) continue
    if (outcome.state === 'skipped') return outcome.because
    if (outcome.state === 'failed') return `arm ${arm} failed: ${outcome.message}`
  }
  const ran = new Set(arms.map(({ arm }) => arm))
  const missing = [...needed].filter((arm) => !ran.has(arm))
  return missing.length > 0
    ? `the study ended before ${missing.join(' and ')} was run`
    : 'the server does not tell this figure'
}
