/**
 * kill -9 of every part of every architecture at many seeded moments. Each position has engines of its own; what was
 * acknowledged must be there afterwards, as far as it was promised, and what is missing must be counted.
 */
import { availableParallelism } from 'node:os'
import { generator } from '../../src/judge/statistics.ts'
import { messageOf } from '../../src/kit/errors.ts'
import { formatCount } from '../../src/kit/units.ts'
import type { OutcomeCounts } from '../../src/drive/job.ts'
import type { StoreAudit } from '../../src/results/record.ts'
import type { Component, KillRun } from './kill-run.ts'
import { components, killDuringRun, killScenario } from './kill-run.ts'
import type { Criterion, Soak, SoakFindings, SoakOptions, SoakTable } from './soak.ts'

const MEASURE_S = 4
const KILL_MS = { from: 200, to: 2_400 }
const DOWN_MS = { from: 50, to: 600 }
/** Alternately one event per request and many, of which a kill may leave a part. */
const BATCH_EVENTS = [1, 20]
/** Bring up, drive, settle, audit, take down, on two busy cores. */
const POSITION_S = 9
/** A position that hangs must not hold up the others for ever. */
const POSITION_MAX_MS = 120_000

export const kills: Soak = {
  name: 'kills',
  title: 'kill -9 of every part at many moments',
  plan: ({ positions, limitS }) =>
    `kills each of the ${String(components.length)} parts of the four architectures at ${String(positions)} seeded moments of a run and audits every store; begins nothing more after ${String(limitS)} s`,
  estimateS: ({ positions, limitS }) =>
    Math.min(limitS, (components.length * positions * POSITION_S) / atOnce()),
  run,
}

interface Position extends Component {
  readonly number: number
  readonly seed: number
  readonly batchEvents: number
  readonly killAtMs: number
  readonly downMs: number
}

type Kept = Pick<
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

interface Done extends Position {
  readonly dueEvents: number
  readonly counts: OutcomeCounts
  readonly stores: readonly Kept[]
  readonly restartedAtMs: number
  readonly acknowledgedAfterRestart: number
  readonly scheduleEndedFirst: boolean
  /** Empty where everything is as it must be. */
  readonly problems: readonly string[]
}

async function run(options: SoakOptions): Promise<SoakFindings> {
  const queue = positionsOf(options)
  const wanted = queue.length
  const done: Done[] = []
  const failed: (Position & { readonly error: string })[] = []
  const endMs = performance.now() + options.limitS * 1_000
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      options.signal.throwIfAborted()
      if (performance.now() > endMs) return
      try {
        done.push(await killOnce(next, options.signal))
      } catch (error) {
        options.signal.throwIfAborted()
        failed.push({ ...next, error: messageOf(error) })
      }
      sayProgress({ done, failed, wanted }, options)
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: atOnce() }, work))
  for (const worker of workers) if (worker.status === 'rejected') throw worker.reason
  return {
    criteria: criteriaOf(done, { failed: failed.length, positions: options.positions }),
    tables: [componentTable(done), storeTable(done)],
    notes: [
      `${String(done.length)} of ${String(wanted)} positions ran, ${String(atOnce())} at a time, each with engines of its own; 400 events/s for ${String(MEASURE_S)} s, the kill ${String(KILL_MS.from)} to ${String(KILL_MS.to)} ms after the first event, down for ${String(DOWN_MS.from)} ms and more.`,
      ...failed.map((one) => `${sayPosition(one)} could not be run: ${one.error}`),
      ...done.flatMap((one) => one.problems.map((problem) => `${sayPosition(one)}: ${problem}`)),
    ],
    data: { seed: options.seed, positions: done, failed },
  }
}

function atOnce(): number {
  return Math.max(1, availableParallelism())
}

/** Component after component in turn, so that a run cut short has done as many of each. */
function positionsOf({ positions, seed }: SoakOptions): Position[] {
  return Array.from({ length: positions }, (_, number) =>
    components.map((component, at) => {
      const positionSeed = seed * 1_000_000 + number * 1_000 + at
      const next = generator(positionSeed)
      const within = (range: { readonly from: number; readonly to: number }): number =>
        Math.round(range.from + next() * (range.to - range.from))
      return {
        ...component,
        number: number + 1,
        seed: positionSeed,
        batchEvents: BATCH_EVENTS[number % BATCH_EVENTS.length] ?? 1,
        killAtMs: within(KILL_MS),
        downMs: within(DOWN_MS),
      }
    }),
  ).flat()
}

async function killOnce(position: Position, signal: AbortSignal): Promise<Done> {
  const { seed, batchEvents } = position
  const run = await killDuringRun({
    ...position,
    scenario: killScenario({ seed, batchEvents, measureS: MEASURE_S }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(POSITION_MAX_MS)]),
  })
  const { dueEvents, counts, restartedAtMs, acknowledgedAfterRestart, scheduleEndedFirst } = run
  return {
    ...position,
    dueEvents,
    counts,
    stores: run.audit.stores.map(keptOf),
    restartedAtMs: Math.round(restartedAtMs),
    acknowledgedAfterRestart,
    scheduleEndedFirst,
    problems: problemsOf(run),
  }
}

function keptOf(store: StoreAudit): Kept {
  return {
    store: store.store,
    verdict: store.verdict,
    because: store.because,
    acceptedEvents: store.acceptedEvents,
    unknownEvents: store.unknownEvents,
    storedRows: store.storedRows,
    lostEvents: store.lostEvents,
    duplicatedRows: store.duplicatedRows,
    duplicatedReadable: store.duplicatedReadable,
    foreignRows: store.foreignRows,
    divergedEvents: store.divergedEvents,
  }
}

function problemsOf(run: KillRun): readonly string[] {
  const { audit, counts, dueEvents, pidsAfterKill } = run
  const outcomes = Object.values({ ...counts }).reduce((sum, count) => sum + count, 0)
  return [
    ...(pidsAfterKill.length === 0 ? [] : ['the part lived on after kill -9']),
    ...(outcomes === dueEvents
      ? []
      : [`${formatCount(outcomes)} outcomes of ${formatCount(dueEvents)} events`]),
    ...(run.scheduleEndedFirst || run.acknowledgedAfterRestart > 0
      ? []
      : ['it acknowledged nothing after the restart']),
    ...audit.stores.flatMap((store) => [
      ...(store.verdict === 'broken' ? [`${store.store}: ${store.because}`] : []),
      ...(store.lost.length === Math.min(store.lostEvents, store.listLimit)
        ? []
        : [`${store.store}: lost events are not all named`]),
    ]),
    ...(audit.passed || audit.stores.some(({ verdict }) => verdict === 'broken')
      ? []
      : ['the audit did not pass']),
  ]
}

function criteriaOf(
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

function componentTable(done: readonly Done[]): SoakTable {
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

function storeTable(done: readonly Done[]): SoakTable {
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

function sayPosition(position: Position): string {
  return `${sayComponent(position)}, position ${String(position.number)} (killed at ${String(position.killAtMs)} ms, seed ${String(position.seed)})`
}

function sayProgress(
  {
    done,
    failed,
    wanted,
  }: {
    readonly done: readonly Done[]
    readonly failed: readonly unknown[]
    readonly wanted: number
  },
  { log }: SoakOptions,
): void {
  const ended = done.length + failed.length
  const last = done.at(-1)
  if (last !== undefined && last.problems.length > 0) {
    log(`kills: ${sayPosition(last)}: ${last.problems.join('; ')}`)
  }
  if (ended % components.length === 0 || ended === wanted) {
    log(`kills: ${String(ended)} of ${String(wanted)} positions`)
  }
}
