/** A real ClickHouse server beside `clickhouse-local`: one table of ratios for each target that ran on both. */
import { formatDurationUs, formatNumber } from '../../kit/units.ts'
import { FIGURE_WORDS } from '../../judge/real-server.ts'
import type { RealServerFindings, RealServerRatio } from '../../judge/real-server.ts'
import { html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import type { StudyView } from '../study-view.ts'
import { factTable } from './table.ts'

export function realServerSection({ findings }: StudyView): Markup {
  if (findings.realServer.length === 0) return nothing
  return html`<section id="real-server" aria-labelledby="real-server-title">
    <h2 id="real-server-title">A real ClickHouse server</h2>
    <p class="lead">
      The same scenario on a real server and on clickhouse-local, medians over rounds: what the
      ratio is far from 1 for, clickhouse-local does not tell.
    </p>
    ${findings.realServer.map(comparison)}
  </section>`
}

function comparison(found: RealServerFindings): Markup {
  const rate =
    found.comparedAtPerS === null
      ? 'no rate was kept by both, so latency and CPU are left out'
      : `latency, freshness and CPU at ${formatNumber(found.comparedAtPerS)} events/s`
  const machine = found.sameMachine ? '' : '; on different machines, so times do not compare'
  const limits =
    found.limits === null
      ? ''
      : `; the server is limited to ${found.limits}, which clickhouse-local is not`
  const rounds = `${String(found.realRounds)} and ${String(found.localRounds)} rounds`
  return html`<h3>${found.target}: ${found.label}</h3>
    <p>${found.studies.join(', ')}; ${rounds}; ${rate}${machine}${limits}.</p>
    ${factTable({
      label: `${found.target} on a real ClickHouse server`,
      headings: ['figure', '#real server', '#clickhouse-local', '#real ÷ local'],
      rows: found.ratios.map((ratio) => [
        FIGURE_WORDS[ratio.figure],
        valueText(ratio, ratio.real),
        valueText(ratio, ratio.local),
        formatNumber(ratio.ratio),
      ]),
    })}`
}

function valueText({ figure }: RealServerRatio, value: number): string {
  switch (figure) {
    case 'latency.p50Us':
    case 'latency.p99Us':
    case 'freshness.p50Us':
    case 'freshness.p99Us':
      return formatDurationUs(value)
    case 'rate.sustainedPerS':
      return `${formatNumber(value)} events/s`
    case 'store.bytesPerEvent':
      return `${formatNumber(value)} B`
    case 'cpu.msPer1000Events{service}':
    case 'cpu.msPer1000Events{engine}':
      return `${formatNumber(value)} ms per 1,000`
  }
}
