/** What many kills show together. In: positions that ran, with their audits. Out: criteria and tables for the summary. */
import type { OutcomeCounts } from '../../src/drive/job.ts'
import { formatCount } from '../../src/kit/units.ts'
import type { StoreAudit } from '../../src/results/audit-record.ts'
import type { Component } from './kill-run.ts'
import { components } from './kill-run.ts'
import type { Criterion, SoakTable } from './soak.ts'

export interface Position extends Component {
  readonly number: number
  readonly seed: number
  readonly batchEvents: number
  readonly killAtMs: number
  readonly downMs: number
}

export type Kept = Pick<
  StoreAudit,
  | 'store'
  | 'verdict'
  | 'because'
  | 'acceptedEvents'
  | 'unknownEvents'
  | 'storedRows'
  | 'lostEvents'
  | 'duplicatedRows'
  | 'duplicatedReadable'
  | 'foreignRows'
  | 'divergedEvents'
>

export interface Done extends Position {
  readonly dueEvents: number
  readonly counts: OutcomeCounts
  readonly stores: readonly Kept[]
  readonly restartedAtMs: number
  readonly acknowledgedAfterRestart: number
  readonly scheduleEndedFirst: boolean
  /** Empty where everything is as it must be. */
  readonly problems: readonly string[]
}

export function criteriaOf(
  done: readonly Done[],
  { failed, positions }: { readonly failed: number; readonly positions: number },
): readonly Criterion[] {
  const perComponent = components.map((component) => ofComponent(done, component).length)
  const fewest = Math.min(...perComponent)
  const bad = done.filter(({ problems }) => problems.length > 0).length
  const served = done.filter(({ scheduleEndedFirst }) => !scheduleEndedFirst)
  return [
    {
      what: 'kill moments per component, the fewest of any',
      limit: `≥ ${String(positions)}`,
      seen: String(fewest),
      met: fewest >= positions,
    },
    {
      what: 'positions whose promise was broken, or whose counts do not add up',
      limit: '0',
      seen: String(bad),
      met: bad === 0,
    },
    {
      what: 'positions that could not be run to their end',
      limit: '0',
      seen: String(failed),
      met: failed === 0,
    },
    {
      what: 'positions that acknowledged events again after the restart, of those where some were still due',
      limit: 'all',
      seen: `${String(served.filter(({ acknowledgedAfterRestart }) => acknowledgedAfterRestart > 0).length)} of ${String(served.length)}`,
      met: served.every(({ acknowledgedAfterRestart }) => acknowledgedAfterRestart > 0),
    },
  ]
}

export function componentTable(done: readonly Done[]): SoakTable {
  const kinds = ['accepted', 'duplicate', 'rejected', 'shed', 'unknown', 'dropped'] as const
  return {
    title: 'What the driver was answered',
    columns: ['killed', 'positions', 'due events', ...kinds],
    rows: components.map((component) => {
      const runs = ofComponent(done, component)
      const sum = (value: (one: Done) => number): string =>
        formatCount(runs.reduce((total, one) => total + value(one), 0))
      return [
        sayComponent(component),
        String(runs.length),
        sum(({ dueEvents }) => dueEvents),
        ...kinds.map((kind) => sum(({ counts }) => counts[kind])),
      ]
    }),
  }
}

export function storeTable(done: readonly Done[]): SoakTable {
  const rows = components.flatMap((component) => {
    const runs = ofComponent(done, component)
    const names = new Set(runs.flatMap(({ stores }) => stores.map(({ store }) => store)))
    return [...names].map((name) => {
      const stores = runs.flatMap((one) => one.stores.filter(({ store }) => store === name))
      const sum = (value: (store: Kept) => number): string =>
        formatCount(stores.reduce((total, store) => total + value(store), 0))
      return [
        sayComponent(component),
        name,
        sum(({ acceptedEvents }) => acceptedEvents),
        sum(({ storedRows }) => storedRows),
        sum(({ lostEvents }) => lostEvents),
        sum(({ duplicatedRows }) => duplicatedRows),
        sum(({ duplicatedReadable }) => duplicatedReadable),
        sum(({ divergedEvents }) => divergedEvents),
        verdictsOf(stores),
      ]
    })
  })
  return {
    title: 'What the audit found in the stores',
    columns: [
      'killed',
      'store',
      'acknowledged',
      'rows',
      'lost',
      'rows stored again',
      'readable twice',
      'other value',
      'verdicts',
    ],
    rows,
  }
}

function verdictsOf(stores: readonly Kept[]): string {
  const verdicts = [...new Set(stores.map(({ verdict }) => verdict))].sort()
  return verdicts
    .map((name) => `${String(stores.filter(({ verdict }) => verdict === name).length)} ${name}`)
    .join(', ')
}

function ofComponent(done: readonly Done[], { architecture, victim }: Component): readonly Done[] {
  return done.filter((one) => one.architecture === architecture && one.victim === victim)
}

function sayComponent({ architecture, victim }: Component): string {
  return `${architecture}: ${victim}`
}

export function sayPosition(position: Position): string {
  return `${sayComponent(position)}, position ${String(position.number)} (killed at ${String(position.killAtMs)} ms, seed ${String(position.seed)})`
}
