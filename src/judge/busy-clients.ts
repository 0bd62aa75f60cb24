/**
 * Whether the clients of an experiment were the limit of what was measured with them, and not the server. In: a formula and
 * the record. Out: how busy they were in the busiest round, where that is too busy to judge a server by. Pure.
 */
import { parseFormula } from '../kit/formula.ts'
import type { ExperimentRecord } from '../results/claims-record.ts'

/** From here on the next answer waits for its client as often as the client for an answer. */
const SATURATED_SHARE = 0.9

/** Of one thread: how much of a core it took, and how much of the time it had work, whether it got a core for it or not. */
const SHARES = ['clientCores', 'clientBusy'] as const

/** null: they had time to spare, or nothing was sent, or the record is of before they were watched. */
export function saturatedClients(
  formula: string,
  experiment: ExperimentRecord | undefined,
): number | null {
  const steps = new Set(
    parseFormula(formula).names.map((name) => name.split('.').slice(0, 2).join('.')),
  )
  const shares = (experiment?.arms ?? []).flatMap(({ arm, outcome }) =>
    outcome.state === 'measured'
      ? Object.entries(outcome.values).flatMap(([figure, value]) =>
          SHARES.some((share) => figure.endsWith(`.${share}`)) &&
          steps.has(`${arm}.${figure.split('.')[0] ?? ''}`)
            ? [value]
            : [],
        )
      : [],
  )
  const busiest = Math.max(0, ...shares)
  return busiest < SATURATED_SHARE ? null : Math.min(1, busiest)
}
