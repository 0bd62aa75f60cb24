/** The end of a study in a terminal. In: findings. Out: the comparison as a table, triggers, verdict and caveats as lines. Pure. */
import Table from 'cli-table3'
import type { Findings, TargetFindings } from '../judge/findings.ts'
import { formatCount, formatDurationUs, formatInterval, formatNumber } from '../kit/units.ts'
import type { Quantile } from '../results/record.ts'
import { sweepLines } from './sweep-lines.ts'
import type { Style } from './terminal.ts'

const HEAD = [
  'target',
  'events/s',
  'p50',
  'p99',
  'fresh p99',
  'WAL B/ev',
  'stored B/ev',
  'CPU ms/1k',
  '2xx survives',
  'lost',
  'audit',
] as const

const NAMES_SHOWN_MAX = 3

export interface SummaryOptions {
  readonly columns: number
  readonly paint: (style: Style, text: string) => string
}

export function summaryLines(findings: Findings, options: SummaryOptions): readonly string[] {
  return [
    '',
    ...comparison(findings.targets, options.columns),
    '',
    ...sweepLines(findings.sweep),
    ...findings.targets.map((target) => target.sentence),
    '',
    ...rankingLines(findings.rankings),
    `triggers  ${triggerText(findings)}`,
    `phase     ${findings.phase}`,
    options.paint('bold', `verdict   ${findings.verdict}`),
    ...findings.caveats.map((caveat) => options.paint('dim', `note      ${caveat}`)),
  ]
}

/** A table where it fits, else one block per target. */
function comparison(targets: readonly TargetFindings[], columns: number): readonly string[] {
  const rows = targets.map(cells)
  const table = tableLines(rows)
  const widest = Math.max(...table.map((line) => Array.from(line).length))
  if (widest <= columns) return table
  const width = Math.max(...HEAD.map((name) => name.length))
  return rows.flatMap((row) => [
    ...row.map((cell, index) => `${(HEAD[index] ?? '').padEnd(width)}  ${cell}`),
    '',
  ])
}

function tableLines(rows: readonly (readonly string[])[]): readonly string[] {
  const table = new Table({
    head: [...HEAD],
    colAligns: HEAD.map((_, index) => (index === 0 || index === 8 ? 'left' : 'right')),
    chars: BARE,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) table.push([...row])
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
}

/** Columns apart by two spaces, no lines. */
const BARE = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

function cells(target: TargetFindings): readonly string[] {
  const { sustainedPerS, latencyUs, freshnessUs, cpuMsPer1000 } = target
  return [
    target.target,
    sustainedPerS === null ? '–' : formatInterval(sustainedPerS, ''),
    quantile(latencyUs?.p50),
    quantile(latencyUs?.p99),
    quantile(freshnessUs?.p99),
    walCell(target),
    number(target.storedBytesPerEvent),
    `${number(cpuMsPer1000.service)} | ${number(cpuMsPer1000.engine)}`,
    target.rounds.length === 0 ? '–' : target.durability,
    target.lostEvents === null ? '–' : formatCount(target.lostEvents),
    auditCell(target),
  ]
}

/** Also of rounds that do not count: what was lost is lost. */
function auditCell({ audit, lostEvents, duplicatedRows }: TargetFindings): string {
  if (audit === null) return '–'
  const counted = [
    { count: lostEvents ?? 0, what: 'lost' },
    { count: duplicatedRows ?? 0, what: 'stored again' },
  ].flatMap(({ count, what }) => (count === 0 ? [] : [`${formatCount(count)} ${what}`]))
  const asked =
    audit.asked === null
      ? []
      : [`${formatCount(audit.asked.askedEvents)} of ${formatCount(audit.asked.ofEvents)} asked`]
  switch (audit.verdict) {
    case 'broken':
      return ['broken', ...asked].join(', ')
    case 'as-promised':
      return ['as promised', ...counted, ...asked].join(', ')
    case 'whole':
      return asked[0] ?? 'whole'
  }
}

/** With its full-page images where they cannot be told apart: a note says so too. */
function walCell({ walBytesPerEvent, walTotalBytesPerEvent }: TargetFindings): string {
  if (walBytesPerEvent !== null || walTotalBytesPerEvent === null) return number(walBytesPerEvent)
  return `${number(walTotalBytesPerEvent)} total`
}

function quantile(value: Quantile | undefined): string {
  return value === undefined ? '–' : formatDurationUs(value)
}

function number(value: number | null): string {
  return value === null ? '–' : formatNumber(value)
}

/** What separates, each on a line; why the rest does not, once for all figures with the same reason. */
function rankingLines(rankings: Findings['rankings']): readonly string[] {
  const earned = rankings.filter(({ order }) => order !== null)
  const byReason = new Map<string, string[]>()
  for (const { metric, order, because } of rankings) {
    if (order === null) byReason.set(because, [...(byReason.get(because) ?? []), metric])
  }
  const unearned = [...byReason].map(([because, metrics]) =>
    metrics.length === rankings.length
      ? `ranking   ${because}`
      : `ranking   ${because} (${someOf(metrics)})`,
  )
  return [
    ...earned.map(({ metric, order }) => `ranking   by ${metric}: ${(order ?? []).join(' > ')}`),
    ...unearned,
  ]
}

function someOf(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN_MAX
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ')
  return more > 0 ? `${shown} and ${String(more)} more` : shown
}

/** Over all targets: what fired by name, what holds by count, what is unknown with its reason. */
function triggerText({ targets }: Findings): string {
  const judgements = targets
    .flatMap((target) => target.judgements)
    .filter(({ verdict }) => verdict.state !== 'does-not-apply')
  const fired = judgements.filter(({ verdict }) => verdict.state === 'fired')
  const unknown = judgements.filter(({ verdict }) => verdict.state === 'unknown')
  const holding = judgements.length - fired.length - unknown.length
  const named = (list: typeof judgements): string => {
    const names = list.map(({ trigger, target }) => `${trigger} at ${target}`)
    return names.length === 0 ? '' : ` (${names.join(', ')})`
  }
  return [
    `${String(holding)} hold`,
    `${String(fired.length)} fired${named(fired)}`,
    `${String(unknown.length)} unknown${named(unknown)}`,
  ].join('   ')
}
