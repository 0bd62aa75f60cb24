/** What was promised and what the stores were found to hold: promises, audits and bytes on disk. */
import { formatBytes, formatCount } from '../../kit/units.ts'
import type { RunRecord, StoreAudit } from '../../results/record.ts'
import { html, nothing } from '../markup.ts'
import type { Markup } from '../markup.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { badge } from './verdict.ts'
import { tierNote, tierWords } from './words.ts'
import type { Tone } from './words.ts'

export function storesSection(view: StudyView): Markup {
  return html`<section id="integrity" aria-labelledby="integrity-title">
    <h2 id="integrity-title">Promised and kept</h2>
    ${promiseTable(view)} ${auditTable(view)} ${sizeTable(view)}
  </section>`
}

function promiseTable(view: StudyView): Markup {
  const rows = view.targets.flatMap((target) => {
    const run = target.runs.at(-1)
    return (run?.architecture.promises.stores ?? []).map((promise) => {
      const note = tierNote(promise.survives)
      return html`<tr>
        <th scope="row">${target.name}</th>
        <td>${target.findings.ack}</td>
        <td>${promise.store}</td>
        <td>
          ${tierWords(promise.survives)}${note === null ? nothing : html` <small>(${note})</small>`}
        </td>
        <td>${promise.delivery}</td>
        <td>${promise.readAfterAck === 'at-once' ? 'at once' : 'eventually'}</td>
      </tr>`
    })
  })
  if (rows.length === 0) return nothing
  return html`<h3 id="promises">What a 2xx promises</h3>
    <div class="wide" role="region" aria-label="What a 2xx promises" tabindex="0">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">target</th>
            <th scope="col">a 2xx means</th>
            <th scope="col">store</th>
            <th scope="col">an acknowledged event</th>
            <th scope="col">delivery</th>
            <th scope="col">readable</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`
}

function auditTable(view: StudyView): Markup {
  const rows = view.targets.flatMap((target) => target.runs.flatMap((run) => auditRows(run)))
  if (rows.length === 0)
    return html`<h3 id="audit">Audit</h3>
      <p>No run was audited.</p>`
  return html`<h3 id="audit">Audit</h3>
    <p class="lead">
      Read by the harness from the stores, event by event, never taken from the service’s own word.
    </p>
    <div class="wide" role="region" aria-label="Audit" tabindex="0">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">run</th>
            <th scope="col">store</th>
            <th scope="col">verdict</th>
            <th scope="col" class="num">acknowledged</th>
            <th scope="col" class="num">readable</th>
            <th scope="col" class="num">lost</th>
            <th scope="col" class="num">duplicated rows</th>
            <th scope="col" class="num">diverged</th>
            <th scope="col">because</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`
}

const AUDIT_TONES: Readonly<Record<StoreAudit['verdict'], Tone>> = {
  whole: 'good',
  'as-promised': 'warning',
  broken: 'bad',
}
/** Enough to look one up in the store; the record has the list up to its own limit. */
const IDS_SHOWN = 5

function auditRows(run: RunRecord): readonly Markup[] {
  const audit = run.outcome.state === 'failed' ? null : run.outcome.audit
  return (audit?.stores ?? []).map((store) => {
    const ids = [...store.lost, ...store.duplicated, ...store.diverged, ...store.foreign]
    const shown = ids.slice(0, IDS_SHOWN)
    const more =
      ids.length > shown.length
        ? html` and ${ids.length - shown.length} more in the record`
        : nothing
    return html`<tr>
      <th scope="row">${run.target.name}, round ${run.round}</th>
      <td>${store.store}</td>
      <td>${badge(AUDIT_TONES[store.verdict], store.verdict.replace('-', ' '), null)}</td>
      <td class="num">${formatCount(store.acceptedEvents)}</td>
      <td class="num">${formatCount(store.readableEvents)}</td>
      <td class="num">${formatCount(store.lostEvents)}</td>
      <td class="num">${formatCount(store.duplicatedRows)}</td>
      <td class="num">${formatCount(store.divergedEvents)}</td>
      <td>
        ${store.because}${shown.length === 0 ? nothing : html`<br /><small>${shown.map((id) => html`<code>${id}</code> `)}${more}</small>`}
      </td>
    </tr>`
  })
}

function sizeTable(view: StudyView): Markup {
  const rows = view.targets.flatMap((target: TargetView) =>
    (target.shown?.measured.stores ?? []).map(
      (store) =>
        html`<tr>
          <th scope="row">${target.name}</th>
          <td>${store.name}</td>
          <td class="num">${formatCount(store.rows)}</td>
          <td class="num">${formatBytes(store.heapBytes)}</td>
          <td class="num">${formatBytes(store.indexBytes)}</td>
          <td class="num">${formatBytes(store.totalBytes)}</td>
          <td class="num">
            ${store.rows === 0 ? '–' : formatBytes(store.totalBytes / store.rows)}
          </td>
        </tr>`,
    ),
  )
  if (rows.length === 0) return nothing
  return html`<h3 id="stores">Bytes on disk</h3>
    <div class="wide" role="region" aria-label="Bytes on disk" tabindex="0">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">target</th>
            <th scope="col">store</th>
            <th scope="col" class="num">rows</th>
            <th scope="col" class="num">table</th>
            <th scope="col" class="num">indexes</th>
            <th scope="col" class="num">all</th>
            <th scope="col" class="num">per row</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`
}
