/** What a sweep says in a sentence. In: its points, each held against its base. Out: what moved, what did not, what is unknown. */
import { formatQuantity, formatTimes } from '../kit/units.ts'
import type { Interval } from '../results/record.ts'
import { RANKING_MIN_ROUNDS } from './statistics.ts'
import type { SweepCell, SweepRow, SweepSight } from './sweep.ts'
import type { Swept } from './swept.ts'

/** What the sweep asks for is said in any case. */
const EFFECTS_SAID_MAX = 4
const DIFFERENT: ReadonlySet<SweepSight> = new Set(['better', 'worse', 'differs'])

/** What moved most, figure by figure; or that nothing was seen to. */
export function sweepVerdict(rows: readonly SweepRow[], columns: readonly Swept[]): string {
  return `${comparedInWords(rows, columns)}${unmeasuredInWords(rows, columns)}`
}

function comparedInWords(rows: readonly SweepRow[], columns: readonly Swept[]): string {
  const others = rows.filter(({ isBase }) => !isBase)
  const cells = others.flatMap((row) => row.cells.map((cell) => ({ row, cell })))
  const differing = cells.filter(({ cell }) => DIFFERENT.has(cell.seen))
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
  const most = columns.flatMap((swept) => {
    const [first] = differing
      .filter(({ cell }) => cell.figure === swept.figure)
      .toSorted((a, b) => effect(b.cell) - effect(a.cell))
    return first === undefined ? [] : [{ ...first, swept }]
  })
  const asked = most.filter(({ swept }) => swept.asked !== null).length
  const said = most.slice(0, Math.max(asked, EFFECTS_SAID_MAX)).map(({ row, cell, swept }) => {
    const promise = row.promisesOther
      ? ` (where an acknowledged event survives ${survives(row.durability)})`
      : ''
    const changed = cell.ratio === null ? valuesInWords(row, rows, swept) : ratioInWords(cell.ratio)
    return `${swept.words} is ${changed} at ${pointInWords(row, bases.length > 1)}${promise}`
  })
  const same = columns
    .filter(
      ({ figure }) =>
        !differing.some(({ cell }) => cell.figure === figure) &&
        cells.some(({ cell }) => cell.figure === figure && cell.seen === 'no-difference'),
    )
    .map(({ words }) => words)
  const none = same.length === 0 ? '' : `; no difference seen in ${same.join(', ')}`
  return `Compared ${against.replace('against ', 'with ')}: ${said.join('; ')}${none}.`
}

/** What the sweep asks for and nothing knew: silence would read as no difference. */
function unmeasuredInWords(rows: readonly SweepRow[], columns: readonly Swept[]): string {
  const unknown = columns.filter(
    ({ asked, figure }) =>
      asked !== null &&
      rows.every(({ cells }) => cells.find((cell) => cell.figure === figure)?.interval === null),
  )
  if (unknown.length === 0) return ''
  return ` Not measured at any point: ${unknown.map(({ words }) => words).join(', ')}.`
}

/** Where there is no ratio, both values: none of a base of 0, nor where no round has both runs side by side. */
function valuesInWords(row: SweepRow, rows: readonly SweepRow[], swept: Swept): string {
  const base = rows.find(({ of, isBase }) => isBase && of === row.of)
  const [own, other] = [row, base].map((one) => {
    const interval = one?.cells.find(({ figure }) => figure === swept.figure)?.interval
    return formatQuantity(interval?.mid ?? 0, swept.unit)
  })
  return `${own ?? ''} instead of ${other ?? ''}`
}

function effect({ ratio }: SweepCell): number {
  if (ratio === null || ratio.mid <= 0) return Number.MAX_VALUE
  return Math.abs(Math.log(ratio.mid))
}

function survives(durability: string | null): string {
  return durability === null || durability === 'nothing' ? 'nothing' : `a ${durability}`
}

function pointInWords({ label, of }: SweepRow, withTarget: boolean): string {
  return withTarget ? label : label.slice(of.length + 2)
}

/** `0.52× (0.5–0.54)`. */
export function ratioInWords(ratio: Interval): string {
  const [low, mid, high] = [ratio.low, ratio.mid, ratio.high].map(formatTimes)
  const ends = [low, high].map((end) => end?.replace('×', ''))
  return low === high ? (mid ?? '') : `${mid ?? ''} (${ends.join('–')})`
}
