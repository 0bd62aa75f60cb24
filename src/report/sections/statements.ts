/** What the engines spent their time on: the most expensive statements of the shown round of each target. */
import {
  formatBytes,
  formatCount,
  formatDurationMs,
  formatNumber,
  formatRatio,
} from '../../kit/units.ts'
import { html, nothing } from '../markup.ts'
import type { Insertable, Markup } from '../markup.ts'
import type { StudyView } from '../study-view.ts'
import { factTable } from './table.ts'

const PAGE_BYTES = 8_192
const HEADINGS = [
  'target',
  'engine',
  'statement',
  '#share of its time',
  '#calls',
  '#mean',
  '#rows per call',
  '#buffers per call',
  '#WAL per call',
]

export function statementsSection(view: StudyView): Markup {
  const rows = view.targets.flatMap(({ name, shown }) =>
    (shown?.measured.statements ?? []).map((one): readonly Insertable[] => [
      name,
      one.engine,
      html`<code>${one.text}</code>`,
      formatRatio(one.timeRatio),
      formatCount(one.calls),
      formatDurationMs(one.totalMs / one.calls),
      formatNumber(one.rows / one.calls),
      formatBytes((one.blocks * PAGE_BYTES) / one.calls),
      formatBytes(one.walBytes / one.calls),
    ]),
  )
  if (rows.length === 0) return nothing
  return html`<section id="statements" aria-labelledby="statements-title">
    <h2 id="statements-title">Statements</h2>
    <p class="lead">
      What PostgreSQL spent its time on from warm-up to drain of the shown round, by
      pg_stat_statements: all sessions of the database but the harness’s own where it may leave them
      out. Buffers are pages looked at, in memory or not; literals are never recorded.
    </p>
    ${factTable({ label: 'Statements by time', headings: HEADINGS, rows })}
  </section>`
}
