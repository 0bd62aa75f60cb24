/**
 * A sweep's points against their base. In: the study and the evidence of each point. Out: per figure an interval, the
 * ratio to the base, and whether a difference was seen: where intervals overlap, none was.
 */
import { formatTimes } from '../kit/units.ts'
import type { Interval, StudyRecord } from '../results/record.ts'
import type { SweepAxis } from '../results/sweep-record.ts'
import { tierOf } from './conditions.ts'
import type { TargetEvidence } from './evidence.ts'
import type { Figure } from './figures.ts'
import { comparedRate, figureOf } from './figures.ts'
import { RANKING_MIN_ROUNDS, intervalOverRounds, separates } from './statistics.ts'

/** `base`: it is what others are compared with. */
export type SweepSight =
  'base' | 'better' | 'worse' | 'no-difference' | 'too-few-rounds' | 'not-measured'

export interface SweepCell {
  readonly figure: Figure
  /** Over rounds; null where no round knows the figure. */
  readonly interval: Interval | null
  /** To the base, round by round: what hit both of a round cancels out. */
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
  readonly cells: readonly SweepCell[]
}

export interface SweepFindings {
  readonly axes: readonly SweepAxis[]
  readonly rows: readonly SweepRow[]
  readonly verdict: string
}

export interface Swept {
  readonly figure: Figure
  readonly better: 'less' | 'more'
  readonly words: string
  /** As units.ts writes it. */
  readonly unit: string
}

/** In the order of the table; the words begin a clause. */
export const SWEPT: readonly Swept[] = [
  { figure: 'rate.sustainedPerS', better: 'more', words: 'the rate held', unit: 'events/s' },
  { figure: 'latency.p50Us', better: 'less', words: 'p50', unit: 'µs' },
  { figure: 'latency.p99Us', better: 'less', words: 'p99', unit: 'µs' },
  { figure: 'wal.bytesPerEvent', better: 'less', words: 'WAL per event', unit: 'bytes' },
  {
    figure: 'store.indexBytesPerEvent',
    better: 'less',
    words: 'index bytes per event',
    unit: 'bytes',
  },
  { figure: 'store.bytesPerEvent', better: 'less', words: 'stored bytes per event', unit: 'bytes' },
  {
    figure: 'cpu.msPer1000Events{service}',
    better: 'less',
    words: 'CPU of the service',
    unit: 'ms',
  },
  { figure: 'cpu.msPer1000Events{engine}', better: 'less', words: 'CPU of the engine', unit: 'ms' },
]

const EFFECTS_SAID_MAX = 4

/** null where the study is no sweep. */
export function sweepFindings(
  study: StudyRecord,
  evidence: readonly TargetEvidence[],
  comparedAtPerS: number | null,
): SweepFindings | null {
  if (study.kind !== 'sweep') return null
  const { axes, points } = study.sweep
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
    }
    const cells = SWEPT.map((swept) =>
      cellOf(swept, { own, base: baseEvidence, isBase, comparedAtPerS }),
    )
    return [{ ...row, cells }]
  })
  const rows = withBest(made)
  return { axes, rows, verdict: verdictOf(rows) }
}

function durabilityOf({ runs }: TargetEvidence): string | null {
  const run = runs.find(({ outcome }) => outcome.state !== 'failed')
  return run === undefined ? null : tierOf(run)
}

function numberOf(label: string | undefined): number | null {
  const value = label === undefined || label.trim() === '' ? Number.NaN : Number(label)
  return Number.isFinite(value) ? value : null
}

interface Compared {
  readonly own: TargetEvidence
  readonly base: TargetEvidence
  readonly isBase: boolean
  readonly comparedAtPerS: number | null
}

function cellOf({ figure, better }: Swept, compared: Compared): Omit<SweepCell, 'best'> {
  const { own, base, isBase, comparedAtPerS } = compared
  const values = byRound(own, figure, comparedAtPerS)
  const baseValues = byRound(base, figure, comparedAtPerS)
  const interval = intervalOverRounds([...values.values()])
  const baseInterval = intervalOverRounds([...baseValues.values()])
  const ratio = isBase ? null : ratioOf(values, baseValues)
  const seen = ((): SweepSight => {
    if (interval === null) return 'not-measured'
    if (isBase) return 'base'
    if (baseInterval === null) return 'not-measured'
    if (Math.min(values.size, baseValues.size) < RANKING_MIN_ROUNDS) return 'too-few-rounds'
    if (!separates(interval, baseInterval)) return 'no-difference'
    return interval.mid < baseInterval.mid === (better === 'less') ? 'better' : 'worse'
  })()
  return { figure, interval, ratio, seen }
}

/** At the rate that all kept, else at the highest that this one did. */
function byRound(
  evidence: TargetEvidence,
  figure: Figure,
  comparedAtPerS: number | null,
): ReadonlyMap<number, number> {
  const atPerS = comparedAtPerS ?? comparedRate([evidence])
  return new Map(
    evidence.rounds.flatMap((round) => {
      const value = figureOf(round, figure, atPerS)
      return value === null ? [] : [[round.run.round, value] as const]
    }),
  )
}

function ratioOf(
  values: ReadonlyMap<number, number>,
  base: ReadonlyMap<number, number>,
): Interval | null {
  const ratios = [...values].map(([round, value]) => value / (base.get(round) ?? Number.NaN))
  return intervalOverRounds(ratios.filter(Number.isFinite))
}

/** Only points that promise the same are rivals; those that cannot be told from the best share its mark. */
function withBest(
  rows: readonly (Omit<SweepRow, 'cells'> & {
    readonly cells: readonly Omit<SweepCell, 'best'>[]
  })[],
): readonly SweepRow[] {
  return rows.map((row) => ({
    ...row,
    cells: row.cells.map((cell, at) => {
      const rivals = rows
        .filter(({ durability }) => durability === row.durability)
        .flatMap(({ cells }) => cells[at] ?? [])
      return { ...cell, best: isBest(cell, rivals, SWEPT[at]?.better ?? 'less') }
    }),
  }))
}

type Known = Omit<SweepCell, 'best'> & { readonly interval: Interval }

function isBest(
  cell: Omit<SweepCell, 'best'>,
  rivals: readonly Omit<SweepCell, 'best'>[],
  better: 'less' | 'more',
): boolean {
  const known = rivals.filter(
    (one): one is Known => one.interval !== null && one.seen !== 'too-few-rounds',
  )
  const sign = better === 'less' ? 1 : -1
  const [top] = known.toSorted((a, b) => sign * (a.interval.mid - b.interval.mid))
  if (top === undefined || cell.interval === null || cell.seen === 'too-few-rounds') return false
  const behind = known.filter((one) => separates(one.interval, top.interval))
  return behind.length > 0 && !separates(cell.interval, top.interval)
}

/** What moved most, figure by figure; or that nothing was seen to. */
function verdictOf(rows: readonly SweepRow[]): string {
  const others = rows.filter(({ isBase }) => !isBase)
  const cells = others.flatMap((row) => row.cells.map((cell) => ({ row, cell })))
  const differing = cells.filter(({ cell }) => cell.seen === 'better' || cell.seen === 'worse')
  const bases = [...new Set(rows.filter(({ isBase }) => isBase).map(({ label }) => label))]
  const against = `against ${bases.length === 1 ? (bases[0] ?? '') : 'the base of each target'}`
  if (differing.length === 0) {
    const few = cells.some(({ cell }) => cell.seen === 'too-few-rounds')
    if (few)
      return `Too few rounds to see a difference ${against}: it takes ${String(RANKING_MIN_ROUNDS)}.`
    const compared = cells.some(({ cell }) => cell.seen === 'no-difference')
    return compared
      ? `No difference seen ${against}: in every figure the rounds overlap.`
      : `Nothing could be compared ${against}: no point has figures beside it.`
  }
  const most = SWEPT.flatMap(({ figure, words }) => {
    const [first] = differing
      .filter(({ cell }) => cell.figure === figure)
      .toSorted((a, b) => effect(b.cell) - effect(a.cell))
    return first === undefined ? [] : [{ ...first, words }]
  })
  const said = most.slice(0, EFFECTS_SAID_MAX).map(({ row, cell, words }) => {
    const promise = row.promisesOther
      ? ` (where an acknowledged event survives ${survives(row.durability)})`
      : ''
    return `${words} is ${ratioInWords(cell.ratio)} at ${pointInWords(row, bases.length > 1)}${promise}`
  })
  const same = SWEPT.filter(
    ({ figure }) =>
      !differing.some(({ cell }) => cell.figure === figure) &&
      cells.some(({ cell }) => cell.figure === figure && cell.seen === 'no-difference'),
  ).map(({ words }) => words)
  const none = same.length === 0 ? '' : `; no difference seen in ${same.join(', ')}`
  return `Compared ${against.replace('against ', 'with ')}: ${said.join('; ')}${none}.`
}

function effect({ ratio }: SweepCell): number {
  return ratio === null || ratio.mid <= 0 ? 0 : Math.abs(Math.log(ratio.mid))
}

function survives(durability: string | null): string {
  return durability === null || durability === 'nothing' ? 'nothing' : `a ${durability}`
}

function pointInWords({ label, of }: SweepRow, withTarget: boolean): string {
  return withTarget ? label : label.slice(of.length + 2)
}

/** `0.52× (0.5–0.54)`. */
export function ratioInWords(ratio: Interval | null): string {
  if (ratio === null) return 'another'
  const [low, mid, high] = [ratio.low, ratio.mid, ratio.high].map(formatTimes)
  const ends = [low, high].map((end) => end?.replace('×', ''))
  return low === high ? (mid ?? '') : `${mid ?? ''} (${ends.join('–')})`
}
