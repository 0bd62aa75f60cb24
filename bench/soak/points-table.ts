/** What a sweep found at each of its points. In: its `report.md`. Out: that table, to be kept when the study is not. */
import type { SoakTable } from './soak.ts'

const FIRST_COLUMN = 'point'

/** @param title the command that made it; null where the report compares no points */
export function pointsTable(title: string, report: string): SoakTable | null {
  const lines = report.split('\n')
  const first = lines.findIndex((line) => cellsOf(line)[0] === FIRST_COLUMN)
  if (first === -1) return null
  const after = lines.slice(first)
  const end = after.findIndex((line) => line.trim() === '')
  const [columns = [], , ...rows] = after.slice(0, end === -1 ? undefined : end).map(cellsOf)
  return { title, columns, rows }
}

/** Cells stay Markdown, but for the backslash that keeps a pipe in its cell: whoever writes the table puts it back. */
function cellsOf(line: string): readonly string[] {
  const match = /^\|(.*)\|\s*$/.exec(line)
  if (match === null) return []
  return (match[1] ?? '').split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
}
