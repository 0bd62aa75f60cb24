/** A sweep in a terminal: each point against its base, a line per figure that moved or was looked at. Pure. */
import { SWEPT, ratioInWords } from '../judge/sweep.ts'
import type { SweepCell, SweepFindings, SweepRow } from '../judge/sweep.ts'
import { formatQuantity } from '../kit/units.ts'

/** `pg-batch, synchronous_commit=off`, then what differs from the base and what does not. */
export function sweepLines(sweep: SweepFindings | null): readonly string[] {
  if (sweep === null) return []
  return [...sweep.rows.flatMap(pointLines), '']
}

function pointLines(row: SweepRow): readonly string[] {
  const cells = row.cells.filter(({ interval }) => interval !== null)
  if (row.isBase) return [`${row.label} (base): ${listed(cells.map(valueWords))}`]
  const by = (seen: SweepCell['seen']): readonly SweepCell[] =>
    cells.filter((cell) => cell.seen === seen)
  const promise = row.promisesOther ? `, survives ${row.durability ?? 'nothing'}` : ''
  const lines: readonly (readonly [string, readonly SweepCell[]])[] = [
    ['better', by('better')],
    ['worse', by('worse')],
    ['no difference seen', by('no-difference')],
    ['too few rounds to tell', by('too-few-rounds')],
  ]
  const said = lines.filter(([, members]) => members.length > 0)
  return [
    `${row.label}${promise}${said.length === 0 ? ': no figures' : ''}`,
    ...said.map(([words, members]) => `  ${words}: ${listed(members.map(ratioWords))}`),
  ]
}

function valueWords({ figure, interval }: SweepCell): string {
  const swept = SWEPT.find((one) => one.figure === figure)
  return `${swept?.words ?? figure} ${formatQuantity(interval?.mid ?? 0, swept?.unit ?? '')}`
}

function ratioWords(cell: SweepCell): string {
  return `${valueWords(cell)}, ${ratioInWords(cell.ratio)}`
}

function listed(words: readonly string[]): string {
  return words.length === 0 ? 'no figures' : words.join('; ')
}
