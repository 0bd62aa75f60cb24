/** What was promised and what the stores were found to hold: promises, audits and bytes on disk. */
import { roundName } from '../../results/made-again.ts'
import { parseMetricKey } from '../../collect/metrics.ts'
import { formatBytes, formatCount } from '../../kit/units.ts'
import type { StoreAudit } from '../../results/audit-record.ts'
import type { RunRecord, StorePromise } from '../../results/record.ts'
import { html, nothing } from '../markup.ts'
import type { Insertable, Markup } from '../markup.ts'
import type { StudyView, TargetView } from '../study-view.ts'
import { auditBadge, idsShown } from './audit-cells.ts'
import { projectionsTable } from './projections.ts'
import { factTable } from './table.ts'
import { tierNote, tierWords } from './words.ts'

export function storesSection(view: StudyView): Markup {
  return html`<section id="integrity" aria-labelledby="integrity-title">
    <h2 id="integrity-title">Promised and kept</h2>
    ${promises(view)} ${audits(view)} ${projectionsTable(view)} ${sizes(view)} ${reads(view)}
  </section>`
}

function promises(view: StudyView): Markup {
  const rows = view.targets.flatMap(({ name, runs, findings }) =>
    promisesOf(runs.at(-1)).map((promise): readonly Insertable[] => {
      const note = tierNote(promise.survives)
      return [
        name,
        findings.ack,
        promise.store,
        html`${tierWords(promise.survives)}${note === null ? nothing : html` <small>(${note})</small>`}`,
        promise.delivery.replaceAll('-', ' '),
        promise.readAfterAck === 'at-once' ? 'at once' : 'eventually',
      ]
    }),
  )
  if (rows.length === 0) return nothing
  const headings = [
    'target',
    'a 2xx means',
    'store',
    'an acknowledged event',
    'delivery',
    'readable',
  ]
  return html`<h3 id="promises">What a 2xx promises</h3>
    ${factTable({ label: 'What a 2xx promises', headings, rows })}`
}

function promisesOf(run: RunRecord | undefined): readonly StorePromise[] {
  if (run === undefined) return []
  const { stores, projections = [] } = run.architecture.promises
  return [...stores, ...projections]
}

const AUDIT_HEADINGS = [
  'target',
  'rounds',
  'store',
  'verdict',
  '#acknowledged',
  '#readable',
  '#lost',
  '#duplicated rows',
  '#diverged',
  'because',
]

function audits(view: StudyView): Markup {
  const rows = view.targets.flatMap(auditRows)
  if (rows.length === 0) {
    return html`<h3 id="audit">Audit</h3>
      <p>No run was audited.</p>`
  }
  return html`<h3 id="audit">Audit</h3>
    <p class="lead">${leadOf(view)}</p>
    ${factTable({ label: 'Audit', headings: AUDIT_HEADINGS, rows })}`
}

function leadOf({ targets }: StudyView): string {
  const byReads = targets.filter(({ runs }) =>
    runs.some(({ outcome }) =>
      outcome.state === 'failed'
        ? false
        : (outcome.audit?.stores ?? []).some((audit) => audit.by === 'reads'),
    ),
  )
  const rule =
    'Read by the harness from the stores, event by event, never taken from the service’s own word.'
  const names = byReads.map(({ name }) => name).join(', ')
  return byReads.length === 0
    ? rule
    : `${rule} The store of ${names} was not opened to Headroom: there the service was asked event by event through its reads, for what it gives back it has.`
}

interface Audited {
  readonly rounds: readonly string[]
  readonly audits: readonly StoreAudit[]
}

/** Rounds of which the same is to be said share a row; whatever lost or doubled an event has its own. */
function auditRows(target: TargetView): readonly (readonly Insertable[])[] {
  const groups = new Map<string, Audited>()
  for (const run of target.runs) {
    const { outcome } = run
    const stores = outcome.state === 'failed' ? [] : (outcome.audit?.stores ?? [])
    for (const audit of stores) {
      const own = audit.verdict === 'whole' ? '' : run.id
      const { store, verdict, because, halfStored } = audit
      const key = JSON.stringify([store, verdict, because, halfStored?.requests ?? 0, own])
      const known = groups.get(key) ?? { rounds: [], audits: [] }
      groups.set(key, {
        rounds: [...known.rounds, roundName(run)],
        audits: [...known.audits, audit],
      })
    }
  }
  return [...groups.values()].flatMap((group) => auditRow(target.name, group))
}

function auditRow(name: string, { rounds, audits }: Audited): readonly (readonly Insertable[])[] {
  const [first] = audits
  if (first === undefined) return []
  const sum = (pick: (audit: StoreAudit) => number): string =>
    formatCount(audits.reduce((total, audit) => total + pick(audit), 0))
  return [
    [
      name,
      rounds.join('; '),
      first.store,
      auditBadge(first.verdict),
      sum((audit) => audit.acceptedEvents),
      sum((audit) => audit.readableEvents),
      sum((audit) => audit.lostEvents),
      sum((audit) => audit.duplicatedRows),
      sum((audit) => audit.divergedEvents),
      html`${first.because}${notSeenIn(first)}${idsOf(audits)}`,
    ],
  ]
}

function notSeenIn({ notSeen = [], unrelatedRows = 0, halfStored }: StoreAudit): Markup {
  const half = halfStored?.requests ?? 0
  const words = [
    ...(half > 0 ? [`${formatCount(half)} requests without an answer are stored in part`] : []),
    ...(unrelatedRows > 0 ? [`${formatCount(unrelatedRows)} rows of others were left alone`] : []),
    ...(notSeen.length > 0 ? [`not seen this way: ${notSeen.join('; ')}`] : []),
  ]
  return words.length === 0 ? nothing : html`<br /><small>${words.join('. ')}</small>`
}

function idsOf(audits: readonly StoreAudit[]): Markup {
  return idsShown(
    audits.flatMap(({ lost, duplicated, diverged, foreign }) => [
      ...lost,
      ...duplicated,
      ...diverged,
      ...foreign,
    ]),
  )
}

/** Where several copies can answer; one copy needs no table. */
function reads(view: StudyView): Markup {
  const rows = view.targets.flatMap(({ name, shown }) =>
    Object.entries(shown?.measured.metrics ?? {}).flatMap(([key, count]) => {
      const { id, label } = parseMetricKey(key)
      return id === 'replica.reads' ? [[name, label ?? '', formatCount(Math.round(count))]] : []
    }),
  )
  if (rows.length === 0) return nothing
  return html`<h3 id="reads">Which copy answered reads</h3>
    <p class="lead">
      Counted by the service in the measured phase: a cache where it has the answer, a replica as
      long as it is within the budget of the reader’s class, else the primary.
    </p>
    ${factTable({ label: 'Which copy answered reads', headings: ['target', 'copy', '#reads'], rows })}`
}

function sizes(view: StudyView): Markup {
  const rows = view.targets.flatMap(({ name, shown }) =>
    (shown?.measured.stores ?? []).map((store): readonly Insertable[] => [
      name,
      store.name,
      formatCount(store.rows),
      formatBytes(store.heapBytes),
      formatBytes(store.indexBytes),
      formatBytes(store.totalBytes),
      store.rows === 0 ? '–' : formatBytes(store.totalBytes / store.rows),
    ]),
  )
  if (rows.length === 0) return nothing
  const headings = ['target', 'store', '#rows', '#table', '#indexes', '#all', '#per row']
  return html`<h3 id="stores">Bytes on disk</h3>
    ${factTable({ label: 'Bytes on disk', headings, rows })}`
}
