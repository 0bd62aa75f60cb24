/** What a sweep says in a sentence. In: its points, each held against its base. Out: what moved, what did not, what is unknown. */
import { formatNumber, formatQuantity, formatTimes } from '../kit/units.ts'
import type { Interval } from '../results/record.ts'
import { RANKING_MIN_ROUNDS } from './statistics.ts'
import type { SweepCell, SweepRow, SweepSight } from './sweep.ts'
import type { Swept } from './swept.ts'

/** What the sweep asks for is said in any case. */
const EFFECTS_SAID_MAX = 4
/** The table has the rest. */
const BASELESS_SAID_MAX = 4
const DIFFERENT: ReadonlySet<SweepSight> = new Set(['better', 'worse', 'differs'])

/** What moved most, figure by figure; or that nothing was seen to. */
export function sweepVerdict(rows: readonly SweepRow[], columns: readonly Swept[]): string {
  return [comparedInWords, baselessInWords, unmeasuredInWords]
    .map((inWords) => inWords(rows, columns))
    .join('')
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
      .map((one) => ({ ...one, effect: effectOf(one.cell, cellAt(baseOf(one.row, rows), swept)) }))
      .toSorted(byEffect)
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

/** What the sweep asks for and only others than the base have: nothing to compare with, and worth saying all the same. */
function baselessInWords(rows: readonly SweepRow[], columns: readonly Swept[]): string {
  const severalBases = rows.filter(({ isBase }) => isBase).length > 1
  const found = columns.flatMap((swept) => {
    if (swept.asked === null) return []
    const values = rows.flatMap((row) => {
      const { interval, seen } = cellAt(row, swept) ?? { interval: null, seen: 'not-measured' }
      if (interval === null || seen !== 'not-measured' || !isMeasured(baseOf(row, rows))) return []
      return [`${formatQuantity(interval.mid, swept.unit)} at ${pointInWords(row, severalBases)}`]
    })
    if (values.length === 0) return []
    const more = values.length - BASELESS_SAID_MAX
    const rest = more > 0 ? ` and ${formatNumber(more)} more` : ''
    return [`${swept.words} ${values.slice(0, BASELESS_SAID_MAX).join(', ')}${rest}`]
  })
  if (found.length === 0) return ''
  return ` The base has none, so no ratio: ${found.join('; ')}.`
}

/** Where there is no ratio, both values: a base of 0, an answer that never came, or no round with both runs side by side. */
function valuesInWords(row: SweepRow, rows: readonly SweepRow[], swept: Swept): string {
  const [own, other] = [cellAt(row, swept), cellAt(baseOf(row, rows), swept)].map((cell) =>
    formatQuantity(cell?.interval?.mid ?? 0, swept.unit),
  )
  return `${own ?? ''} instead of ${other ?? ''}`
}

function cellAt(row: SweepRow | undefined, { figure }: Swept): SweepCell | undefined {
  return row?.cells.find((cell) => cell.figure === figure)
}

function baseOf({ of }: SweepRow, rows: readonly SweepRow[]): SweepRow | undefined {
  return rows.find((row) => row.isBase && row.of === of)
}

/** Of a point that no round counts of, nothing is known: that is said of the whole comparison. */
function isMeasured(row: SweepRow | undefined): boolean {
  return row?.cells.some(({ interval }) => interval !== null) ?? false
}

/** How far a point is from its base: in times, and where that says nothing, by how much. */
interface Effect {
  readonly times: number
  readonly difference: number
}

function byEffect(a: { readonly effect: Effect }, b: { readonly effect: Effect }): number {
  const [one, other] = [a.effect, b.effect]
  return other.times === one.times ? other.difference - one.difference : other.times - one.times
}

/** Without a ratio round by round the middle values give one; from 0 anything is endlessly far, as is 0 from anything. */
function effectOf({ ratio, interval }: SweepCell, base: SweepCell | undefined): Effect {
  const own = interval?.mid ?? 0
  const other = base?.interval?.mid ?? 0
  const times = ratio?.mid ?? (other === 0 ? Infinity : own / other)
  return {
    times: times > 0 ? Math.min(Number.MAX_VALUE, Math.abs(Math.log(times))) : Number.MAX_VALUE,
    difference: Math.min(Number.MAX_VALUE, Math.abs(own - other)),
  }
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
