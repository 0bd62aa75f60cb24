/** Writes what a soak found. In: its findings. Out: one JSON and one Markdown file per soak, and an index of all. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatDurationS } from '../../src/kit/units.ts'
import type { SoakSummary, SoakTable } from './soak.ts'

const INDEX = 'README.md'

export async function writeSummary(dir: string, summary: SoakSummary): Promise<void> {
  await mkdir(dir, { recursive: true })
  const file = join(dir, summary.name)
  await writeFile(`${file}.json`, `${JSON.stringify(summary, null, 2)}\n`)
  await writeFile(`${file}.md`, markdownOf(summary))
  await writeFile(join(dir, INDEX), indexOf(await readSummaries(dir)))
}

function noFolder(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return []
  throw error
}

/** What the soak of this name left in the folder; null: nothing. @throws of a file that is no JSON */
export async function readSummary(dir: string, name: string): Promise<SoakSummary | null> {
  return (await readSummaries(dir)).find((summary) => summary.name === name) ?? null
}

/** The index speaks of every summary in the folder, also of those an earlier run left. */
async function readSummaries(dir: string): Promise<readonly SoakSummary[]> {
  const files = (await readdir(dir).catch(noFolder)).filter((file) => file.endsWith('.json')).sort()
  return Promise.all(
    files.map(async (file) => JSON.parse(await readFile(join(dir, file), 'utf8')) as SoakSummary),
  )
}

export function markdownOf(summary: SoakSummary): string {
  const { machine, load, headroom } = summary
  const criteria: SoakTable = {
    title: 'Criteria',
    columns: ['what', 'limit', 'seen', 'met'],
    rows: summary.criteria.map(({ what, limit, seen, met }) => [
      what,
      limit,
      seen,
      met ? 'yes' : '**no**',
    ]),
  }
  return [
    `# Soak: ${summary.title}`,
    `**${summary.passed ? 'Passed' : 'Failed'}.** It ${summary.plan}.`,
    [
      `- Started ${summary.startedAt}, took ${formatDurationS(summary.tookS)}.`,
      `- Headroom ${headroom.version}, commit ${headroom.commit}; Node ${machine.node}.`,
      `- ${machine.cpu}, ${String(machine.cores)} cores, ${machine.os}.`,
      `- Processes that wanted to run: ${load.before.toFixed(1)} before, ${load.after.toFixed(1)} after.`,
      ...summary.notes.map((note) => `- ${note}`),
    ].join('\n'),
    ...[criteria, ...summary.tables].map(tableOf),
    '',
  ].join('\n\n')
}

function indexOf(summaries: readonly SoakSummary[]): string {
  const table: SoakTable = {
    title: 'Soaks',
    columns: ['soak', 'verdict', 'started', 'took', 'commit'],
    rows: summaries.map(({ name, title, passed, startedAt, tookS, headroom }) => [
      `[${title}](${name}.md)`,
      passed ? 'passed' : '**failed**',
      startedAt,
      formatDurationS(tookS),
      headroom.commit,
    ]),
  }
  return `${tableOf(table)}\n\nWhat each of them does: docs/soak.md.\n`
}

function tableOf({ title, columns, rows }: SoakTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`
  const lines = [line(columns), line(columns.map(() => '---')), ...rows.map(line)]
  return `## ${title}\n\n${lines.join('\n')}`
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')
}
