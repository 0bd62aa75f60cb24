/** The conditions a figure was measured under, in the words that stand behind it: rounds, rows, cache, durability. */
import { formatCount, formatRatio } from '../kit/units.ts'
import type { RunRecord } from '../results/record.ts'
import type { Round } from './evidence.ts'
import { medianOf } from './statistics.ts'

type Survives = RunRecord['architecture']['promises']['stores'][number]['survives']
const DURABILITY_ORDER: readonly Survives[] = ['nothing', 'process-kill', 'power-loss', 'node-loss']

/** `3 rounds, 200,000–252,000 rows, buffer hits 99.7 %, acknowledged events survive power-loss by design`. */
export function conditionsOf(rounds: readonly Round[]): string {
  const words = [`${String(rounds.length)} ${rounds.length === 1 ? 'round' : 'rounds'}`]
  const rows = rowsSpan(rounds)
  if (rows !== null) {
    words.push(`${formatCount(rows.before)}–${formatCount(rows.after)} rows in the store`)
  }
  const hits = medianOf(
    rounds.map((round) => round.measured.metrics['buffers.hitRatio']).filter(isNumber),
  )
  if (hits !== null) words.push(`buffer hits ${formatRatio(hits)}`)
  const first = rounds[0]
  if (first !== undefined) words.push(`acknowledged events survive ${durabilityOf(first.run)}`)
  if (rounds.some((round) => checkpointsIn(round) < 2) && usesPostgres(rounds)) {
    words.push('provisional: shorter than two checkpoints')
  }
  return words.join(', ')
}

/** The store with the fewest rows, before the first event and after the last. */
export function rowsSpan(
  rounds: readonly Round[],
): { readonly before: number; readonly after: number } | null {
  const after = rounds.flatMap((round) => round.measured.stores.map((store) => store.rows))
  const run = rounds[0]?.run
  // Nobody counted what a store of the user's own held.
  const before = run?.target.kind === 'service' ? undefined : run?.scenario.initialRows
  if (before === undefined || after.length === 0) return null
  return { before, after: Math.min(...after) }
}

/** Checkpoints after the one that opens the measured phase. */
export function checkpointsIn(round: Round): number {
  return round.measured.checkpoints.filter((checkpoint) => checkpoint.reason !== 'start').length
}

/** The tier of the store whose promise the acknowledgement gives: the strongest one. */
export function tierOf(run: RunRecord): Survives {
  const tiers = run.architecture.promises.stores.map((store) => store.survives)
  return DURABILITY_ORDER.findLast((tier) => tiers.includes(tier)) ?? 'nothing'
}

/** Both words for the tier: what it is, and how far that was tested. Only kill -9 is ever tested here. */
export function durabilityOf(run: RunRecord): string {
  const tier = tierOf(run)
  return tier === 'power-loss' || tier === 'node-loss' ? `${tier} (by design, not tested)` : tier
}

function usesPostgres(rounds: readonly Round[]): boolean {
  return rounds.some((round) => round.run.engines.some((engine) => engine.kind === 'postgres'))
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined
}
