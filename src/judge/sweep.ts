/**
 * A sweep's points against their base. In: the study and the evidence of each point. Out: per figure an interval, the
 * ratio to the base, and whether a difference was seen: where intervals overlap, none was.
 */
import { settingNumber } from '../plan/postgres-settings.ts'
import type { Interval, StudyRecord } from '../results/record.ts'
import type { SweepAxis } from '../results/sweep-record.ts'
import { tierOf } from './conditions.ts'
import type { Round, TargetEvidence } from './evidence.ts'
import { comparedRate } from './figures.ts'
import { RANKING_MIN_ROUNDS, intervalOverRounds, separates } from './statistics.ts'
import { sweepVerdict } from './sweep-verdict.ts'
import { sweptBy, sweptValue } from './swept.ts'
import type { Swept } from './swept.ts'

/** `base`: it is what others are compared with. `differs`: of this figure neither less nor more is better. */
export type SweepSight =
  'base' | 'better' | 'worse' | 'differs' | 'no-difference' | 'too-few-rounds' | 'not-measured'

export interface SweepCell {
  /** Of a column: `Swept.figure`. */
  readonly figure: string
  /** Over rounds; null where no round knows the figure. */
  readonly interval: Interval | null
  /**
   * To the base, round by round: what hit both of a round cancels out. A run made again at the study's end has none beside
   * it and counts in the interval only. null where no round has both, and where one round that has both has no ratio: its base
   * is 0, or one of the two never ended.
   */
  readonly ratio: Interval | null
  readonly seen: SweepSight
  /** Among the points whose promise is the same none is better, and some are worse. */
  readonly best: boolean
}

export interface SweepRow {
  readonly target: string
  readonly of: string
  readonly label: string
  /** One per axis, as people read it. */
  readonly levels: readonly string[]
  /** The values of numeric axes; null where a level is none. */
  readonly numbers: readonly (number | null)[]
  readonly isBase: boolean
  /** What an acknowledged event survives; null where no run says so. */
  readonly durability: string | null
  /** Whether that is something else than the base promises. */
  readonly promisesOther: boolean
  /** Latency and cost are of this rate; null where none was kept. */
  readonly atPerS: number | null
  /** All indexes of all stores at the end of the run; null where no round knows them. */
  readonly indexBytes: Interval | null
  /** shared_buffers of its PostgreSQL; null where no run says it. */
  readonly cacheBytes: number | null
  /** Counting rounds whose run was made again at the study's end: no ratio is of them. */
  readonly unpairedRounds: number
  /** In the order of the columns. */
  readonly cells: readonly SweepCell[]
}

export interface SweepFindings {
  readonly axes: readonly SweepAxis[]
  /** What points are compared by: what the sweep asks for in front. */
  readonly columns: readonly Swept[]
  readonly rows: readonly SweepRow[]
  readonly verdict: string
}

/** null where the study is no sweep. */
export function sweepFindings(
  study: StudyRecord,
  evidence: readonly TargetEvidence[],
  comparedAtPerS: number | null,
): SweepFindings | null {
  if (study.kind !== 'sweep') return null
  const { axes, points } = study.sweep
  const columns = sweptBy(study.sweep)
  const of = (target: string): TargetEvidence | undefined =>
    evidence.find((one) => one.target === target)
  const made = points.flatMap((point) => {
    const own = of(point.target)
    const base = points.find((one) => one.of === point.of && one.levels.every((at) => at === 0))
    const baseEvidence = base === undefined ? undefined : of(base.target)
    if (own === undefined || baseEvidence === undefined) return []
    const isBase = base?.target === point.target
    const levels = axes.map((axis, at) => axis.levels[point.levels[at] ?? 0])
    const durability = durabilityOf(own)
    const row = {
      target: point.target,
      of: point.of,
      label: point.label,
      levels: levels.map((level) => level?.label ?? ''),
      numbers: levels.map((level) => numberOf(level?.label)),
      isBase,
      durability,
      promisesOther: durability !== null && durability !== durabilityOf(baseEvidence),
      atPerS: comparedAtPerS ?? comparedRate([own]),
      indexBytes: intervalOverRounds(own.rounds.flatMap(indexBytesOf)),
      cacheBytes: cacheBytesOf(own),
      unpairedRounds: own.rounds.filter(isMadeAgain).length,
    }
    const cells = columns.map((swept) =>
      cellOf(swept, { own, base: baseEvidence, isBase, comparedAtPerS }),
    )
    return [{ ...row, cells }]
  })
  const rows = withBest(made, columns)
  return { axes, columns, rows, verdict: sweepVerdict(rows, columns) }
}

function durabilityOf({ runs }: TargetEvidence): string | null {
  const run = runs.find(({ outcome }) => outcome.state !== 'failed')
  return run === undefined ? null : tierOf(run)
}

function numberOf(label: string | undefined): number | null {
  const value = label === undefined || label.trim() === '' ? Number.NaN : Number(label)
  return Number.isFinite(value) ? value : null
}

/** Every index of every store: what has to fit into the cache beside the rows. */
function indexBytesOf({ measured }: Round): readonly number[] {
  if (measured.stores.length === 0) return []
  return [measured.stores.reduce((sum, { indexBytes }) => sum + indexBytes, 0)]
}

function cacheBytesOf({ runs }: TargetEvidence): number | null {
  for (const { settings } of runs.flatMap(({ engines }) => engines)) {
    const bytes = settingNumber(settings['shared_buffers'] ?? '')
    if (bytes !== null) return bytes
  }
  return null
}

interface Compared {
  readonly own: TargetEvidence
  readonly base: TargetEvidence
  readonly isBase: boolean
  readonly comparedAtPerS: number | null
}

/** A cell before it is known which is the best. */
type Judged = Omit<SweepCell, 'best'> & {
  /** Known in as many rounds as a ranking takes. */
  readonly isRankable: boolean
}

function cellOf(swept: Swept, compared: Compared): Judged {
  const { own, base, isBase, comparedAtPerS } = compared
  const values = byRound(own, swept, comparedAtPerS)
  const baseValues = byRound(base, swept, comparedAtPerS)
  const interval = intervalOverRounds(values.map(({ value }) => value))
  const baseInterval = intervalOverRounds(baseValues.map(({ value }) => value))
  const ratio = isBase ? null : ratioOf(values, baseValues)
  const seen = ((): SweepSight => {
    if (interval === null) return 'not-measured'
    if (isBase) return 'base'
    if (baseInterval === null) return 'not-measured'
    if (Math.min(values.length, baseValues.length) < RANKING_MIN_ROUNDS) return 'too-few-rounds'
    if (!separates(interval, baseInterval)) return 'no-difference'
    if (swept.better === 'neither') return 'differs'
    return interval.mid < baseInterval.mid === (swept.better === 'less') ? 'better' : 'worse'
  })()
  const isRankable = interval !== null && values.length >= RANKING_MIN_ROUNDS
  return { figure: swept.figure, interval, ratio, seen, isRankable }
}

interface RoundValue {
  readonly round: Round
  readonly value: number
}

/** At the rate that all kept, else at the highest that this one did. */
function byRound(
  evidence: TargetEvidence,
  swept: Swept,
  comparedAtPerS: number | null,
): readonly RoundValue[] {
  const atPerS = comparedAtPerS ?? comparedRate([evidence])
  return evidence.rounds.flatMap((round) => {
    const value = sweptValue(round, swept, atPerS)
    return value === null ? [] : [{ round, value }]
  })
}

/** Only of runs that stood side by side in a round: one that was made again ran when the machine may have been another. */
function ratioOf(values: readonly RoundValue[], base: readonly RoundValue[]): Interval | null {
  const inPlace = (all: readonly RoundValue[]): readonly RoundValue[] =>
    all.filter(({ round }) => !isMadeAgain(round))
  const baseOf = new Map(inPlace(base).map(({ round, value }) => [round.run.round, value]))
  const pairs = inPlace(values).flatMap(({ round, value }) => {
    const against = baseOf.get(round.run.round)
    return against === undefined ? [] : [{ value, against }]
  })
  // Without such a round the ratio would be of the others alone, and look like that of all.
  const isOfAll = pairs.every(
    ({ value, against }) => against !== 0 && Number.isFinite(against) && Number.isFinite(value),
  )
  return isOfAll ? intervalOverRounds(pairs.map(({ value, against }) => value / against)) : null
}

function isMadeAgain({ run }: Round): boolean {
  return run.repeats !== undefined
}

/** Only points that promise the same are rivals; those that cannot be told from the best share its mark. */
function withBest(
  rows: readonly (Omit<SweepRow, 'cells'> & {
    readonly cells: readonly Judged[]
  })[],
  columns: readonly Swept[],
): readonly SweepRow[] {
  return rows.map((row) => ({
    ...row,
    cells: row.cells.map(({ isRankable, ...cell }, at) => {
      const rivals = rows
        .filter(({ durability }) => durability === row.durability)
        .flatMap(({ cells }) => cells[at] ?? [])
      const better = columns[at]?.better ?? 'neither'
      return { ...cell, best: isRankable && isBest(cell, rivals, better) }
    }),
  }))
}

type Known = Judged & { readonly interval: Interval }

function isBest(
  { interval }: Pick<SweepCell, 'interval'>,
  rivals: readonly Judged[],
  better: Swept['better'],
): boolean {
  if (better === 'neither' || interval === null) return false
  const known = rivals.filter((one): one is Known => one.interval !== null && one.isRankable)
  const sign = better === 'less' ? 1 : -1
  const [top] = known.toSorted((a, b) => sign * (a.interval.mid - b.interval.mid))
  if (top === undefined) return false
  const behind = known.filter((one) => separates(one.interval, top.interval))
  return behind.length > 0 && !separates(interval, top.interval)
}
