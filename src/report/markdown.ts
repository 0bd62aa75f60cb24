/** The report as a reviewer meets it in a pull request: verdict, table and triggers on one screen, and the link. */
import { formatQuantity, formatRate } from '../kit/units.ts'
import { escapeMarkdown } from './escape.ts'
import type { ReportOptions } from './report.ts'
import { bestOf } from './sections/best.ts'
import { COLUMNS } from './sections/columns.ts'
import { againstBase, missingWords, shownColumns } from './sections/sweep.ts'
import { studyProblems } from './sections/verdict.ts'
import { badgeWords, firesSentence, headroomWords } from './sections/words.ts'
import type { StudyView, TargetView } from './study-view.ts'

/** What fits next to each other in a comment; the page has the others. */
const COLUMN_IDS = [
  'sustained',
  'p50',
  'p99',
  'fresh-p99',
  'wal',
  'stored',
  'cpu-service',
  'cpu-engine',
  'ack',
  'lost',
]
const PROBLEMS_SHOWN = 5

export function renderMarkdown(view: StudyView, options: ReportOptions): string {
  const { findings } = view
  const blocks = [
    problemBlock(view),
    `**${escapeMarkdown(findings.verdict)}**`,
    sweepBlock(view),
    tableBlock(view),
    faultBlock(view),
    triggerBlock(view),
    caveatBlock(findings.caveats),
    footBlock(view, options),
  ]
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`
}

function problemBlock(view: StudyView): string {
  const problems = studyProblems(view)
  if (problems.length === 0) return ''
  const shown = problems.slice(0, PROBLEMS_SHOWN).map((problem) => `> - ${escapeMarkdown(problem)}`)
  const more = problems.length - shown.length
  if (more > 0) shown.push(`> - and ${String(more)} more`)
  return ['> **This is not a complete result.**', '>', ...shown].join('\n')
}

/** Each point's figures against its base; the page has the intervals. */
function sweepBlock({ findings: { sweep } }: StudyView): string {
  if (sweep === null) return ''
  const figures = shownColumns(sweep)
  const rows = sweep.rows.map((row) => {
    const cells = figures.map((swept) => {
      const cell = row.cells.find(({ figure }) => figure === swept.figure)
      if (cell === undefined || cell.interval === null) return missingWords(swept)
      const text = `${formatQuantity(cell.interval.mid, swept.unit)}, ${againstBase(cell)}`
      return cell.best ? `**${escapeMarkdown(text)}**` : escapeMarkdown(text)
    })
    const mark = row.promisesOther ? ' †' : ''
    return `| ${[escapeMarkdown(`${row.label}${mark}`), ...cells].join(' | ')} |`
  })
  return [
    `| ${['point', ...figures.map(({ words }) => escapeMarkdown(words))].join(' | ')} |`,
    `| :-- | ${figures.map(() => '--:').join(' | ')} |`,
    ...rows,
    ...(sweep.rows.some(({ promisesOther }) => promisesOther)
      ? ['', '<sub>† promises something else than its base.</sub>']
      : []),
  ].join('\n')
}

function tableBlock(view: StudyView): string {
  const columns = COLUMN_IDS.flatMap((id) => COLUMNS.find((column) => column.id === id) ?? [])
  const best = new Map(columns.map((column) => [column.id, bestOf(view.findings, column)]))
  const headings = columns.map((column) => {
    const words = column.id.startsWith('cpu') ? `CPU ${column.title} /1k` : column.title
    return column.id === 'lost' ? 'lost \\| dup.' : escapeMarkdown(words)
  })
  const rows = view.targets.map((target) => {
    const cells = columns.map((column) => {
      const text = escapeMarkdown(column.text(target.findings))
      return best.get(column.id)?.has(target.name) === true ? `**${text}**` : text
    })
    return `| ${[`**${escapeMarkdown(target.name)}**`, ...cells].join(' | ')} |`
  })
  const ruler = columns.map((column) => (column.id === 'ack' ? ':--' : '--:'))
  return [
    `| ${['target', ...headings].join(' | ')} |`,
    `| :-- | ${ruler.join(' | ')} |`,
    ...rows,
    '',
    comparedWords(view),
  ].join('\n')
}

function comparedWords({ findings }: StudyView): string {
  const rates = [...new Set(findings.targets.map((target) => target.comparedAtPerS))]
  const known = rates.filter((rate) => rate !== null)
  const at = known.length === 0 ? '' : `Latency and cost at ${known.map(formatRate).join(', ')}. `
  const tiers = new Set(findings.targets.map((target) => target.durability)).size
  return `<sub>${at}Bold is the best measured${tiers > 1 ? ' among targets that promise the same durability' : ''}.</sub>`
}

/** Of what was broken on purpose: how each target came back. */
function faultBlock(view: StudyView): string {
  const lines = view.targets
    .filter(({ findings }) => findings.faults.length > 0)
    .map(({ findings }) => `- ${escapeMarkdown(findings.sentence)}`)
  return lines.join('\n')
}

function triggerBlock(view: StudyView): string {
  const lines = view.targets.flatMap((target) => triggerLine(target))
  return lines.join('\n')
}

function triggerLine(target: TargetView): readonly string[] {
  const { judgements } = target.findings
  if (judgements.length === 0) return []
  const words = judgements.map((judgement) => {
    const fires = firesSentence(judgement.verdict)
    const headroom = headroomWords(judgement.verdict)
    const state = badgeWords(judgement)
    const strong =
      judgement.verdict.state === 'fired' ? `**${escapeMarkdown(state)}**` : escapeMarkdown(state)
    const more = [
      headroom,
      fires === null || fires.startsWith('not within') ? null : `fires ${fires}`,
    ]
    const known = more.filter((one) => one !== null).map(escapeMarkdown)
    return known.length === 0 ? strong : `${strong} (${known.join(', ')})`
  })
  return [`- **${escapeMarkdown(target.name)}**: ${words.join(' · ')}`]
}

/** Folded, so that verdict, table and triggers stay on one screen. */
function caveatBlock(caveats: readonly string[]): string {
  if (caveats.length === 0) return ''
  return [
    '<details>',
    `<summary>${String(caveats.length)} things to keep in mind</summary>`,
    '',
    ...caveats.map((caveat) => `- ${escapeMarkdown(caveat)}`),
    '',
    '</details>',
  ].join('\n')
}

function footBlock({ findings: { study } }: StudyView, { pageHref }: ReportOptions): string {
  return `[The whole report](<${linkTarget(pageHref)}>) · study ${escapeMarkdown(study.id)}`
}

/** Angle brackets hold any path but these. */
function linkTarget(href: string): string {
  return href.replace(/[<>\n\r\\]/g, (char) => encodeURIComponent(char))
}
