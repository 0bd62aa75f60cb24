/** A sweep in a terminal: each point against its base, a line per figure that moved or was looked at. Pure. */
import { ratioInWords } from '../judge/sweep-verdict.ts'
import type { SweepCell, SweepFindings, SweepRow } from '../judge/sweep.ts'
import type { Swept } from '../judge/swept.ts'
import { formatQuantity } from '../kit/units.ts'

/** `pg-batch, synchronous_commit=off`, then what differs from the base and what does not. */
export function sweepLines(sweep: SweepFindings | null): readonly string[] {
  if (sweep === null) return []
  return [...sweep.rows.flatMap((row) => pointLines(row, sweep.columns)), '']
}

function pointLines(row: SweepRow, columns: readonly Swept[]): readonly string[] {
  const cells = row.cells.filter(({ interval }) => interval !== null)
  const valueWords = ({ figure, interval }: SweepCell): string => {
    const swept = columns.find((one) => one.figure === figure)
    return `${swept?.words ?? figure} ${formatQuantity(interval?.mid ?? 0, swept?.unit ?? '')}`
  }
  const ratioWords = (cell: SweepCell): string =>
    `${valueWords(cell)}${cell.ratio === null ? '' : `, ${ratioInWords(cell.ratio)}`}`
  const unknown = columns.filter(
    ({ asked, figure }) => asked !== null && !cells.some((cell) => cell.figure === figure),
  )
  const missing =
    unknown.length === 0 ? [] : [`  not measured: ${listed(unknown.map(({ words }) => words))}`]
  if (row.isBase) {
    return [`${row.label} (base): ${listed(cells.map(valueWords))}`, ...missing]
  }
  const by = (seen: SweepCell['seen']): readonly SweepCell[] =>
    cells.filter((cell) => cell.seen === seen)
  const promise = row.promisesOther ? `, survives ${row.durability ?? 'nothing'}` : ''
  const lines: readonly (readonly [string, readonly SweepCell[]])[] = [
    ['better', by('better')],
    ['worse', by('worse')],
    ['differs', by('differs')],
    ['no difference seen', by('no-difference')],
    ['too few rounds to tell', by('too-few-rounds')],
    ['its base has none', by('not-measured')],
  ]
  const said = lines.filter(([, members]) => members.length > 0)
  return [
    `${row.label}${promise}${said.length === 0 ? ': no figures' : ''}`,
    ...said.map(([words, members]) => `  ${words}: ${listed(members.map(ratioWords))}`),
    ...missing,
  ]
}

function listed(words: readonly string[]): string {
  return words.length === 0 ? 'no figures' : words.join('; ')
}
