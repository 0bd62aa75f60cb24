/** What was broken on purpose, and how each target came back. */
import { boundInWords, cameBack, symptomInWords } from '../../judge/faults.ts'
import type { FaultFindings } from '../../judge/faults.ts'
import { formatCount, formatDurationMs, formatDurationUs, formatNumber } from '../../kit/units.ts'
import { html, nothing } from '../markup.ts'
import type { Insertable, Markup } from '../markup.ts'
import type { StudyView } from '../study-view.ts'
import { factTable } from './table.ts'
import { badge } from './verdict.ts'

const HEADINGS = [
  'target',
  'round',
  'fault',
  '#lasted',
  'came back',
  '#noticed after',
  '#backlog gone',
  '#as before',
  '#not accepted',
  '#worst p99 of a second',
  '#largest backlog',
  'what it is about',
  'what rose most',
]

export function faultsSection(view: StudyView): Markup {
  const rows = view.targets.flatMap(({ name, findings }) =>
    findings.faults.map((fault) => rowOf(name, fault)),
  )
  if (rows.length === 0) return nothing
  return html`<section id="faults" aria-labelledby="faults-title">
    <h2 id="faults-title">Faults and recovery</h2>
    <p class="lead">
      Noticed: from the fault’s begin to the first second that was not calm. Backlog gone and as
      before: from its end. Known to a second. A second is calm when its p99 is within three times a
      usual one, and what fell due in it was accepted. As before is also what the fault is about,
      where the scenario names it: near its highest value of before, or gone back there.
    </p>
    ${factTable({ label: 'Faults and recovery', headings: HEADINGS, rows })}
  </section>`
}

function rowOf(target: string, fault: FaultFindings): readonly Insertable[] {
  const { round, seen } = fault
  const bound = boundInWords(fault)
  const back = cameBack(seen)
  const words = seen.failed === null ? (back ? 'yes' : 'not in this run') : 'not put'
  return [
    target,
    String(round),
    bound === null ? seen.name : html`${seen.name}<br /><small>${bound}</small>`,
    formatDurationMs(seen.toMs - seen.fromMs),
    badge({ tone: back ? 'good' : 'bad', words, evidence: null, detail: seen.failed ?? '' }),
    seen.noticedMs === null ? 'never' : formatDurationMs(seen.noticedMs),
    afterEnd(seen.drainedMs),
    afterEnd(seen.wholeMs),
    formatCount(seen.notAcceptedEvents),
    seen.worstP99Us === null ? '–' : formatDurationUs(seen.worstP99Us),
    seen.backlogEventsMax === null ? '–' : formatCount(seen.backlogEventsMax),
    aboutOf(seen),
    seen.moved.length === 0
      ? '–'
      : seen.moved
          .slice(0, 3)
          .map(
            ({ metric, before, highest, last }) =>
              html`<code>${metric}</code> ${formatNumber(before)} → ${formatNumber(highest)} →
                ${formatNumber(last)}<br />`,
          ),
  ]
}

function aboutOf({ symptom, notResumed }: FaultFindings['seen']): Insertable {
  const words = [
    ...(symptom === undefined ? [] : [symptomInWords(symptom)]),
    ...(notResumed === undefined ? [] : [`could not go on: ${notResumed}`]),
  ]
  return words.length === 0 ? '–' : words.join('; ')
}

function afterEnd(ms: number | null): string {
  if (ms === null) return 'not in this run'
  return ms === 0 ? 'at once' : formatDurationMs(ms)
}
