/**
 * kill -9 of every part of every architecture at many seeded moments. Each position has engines of its own; what was
 * acknowledged must be there afterwards, as far as it was promised, and what is missing must be counted.
 */
import { availableParallelism } from 'node:os'
import { generator } from '../../src/judge/statistics.ts'
import { messageOf } from '../../src/kit/errors.ts'
import { formatCount } from '../../src/kit/units.ts'
import { auditSentences, type StoreAudit } from '../../src/results/audit-record.ts'
import type { Done, Kept, Position } from './kill-findings.ts'
import { componentTable, criteriaOf, sayPosition, storeTable } from './kill-findings.ts'
import type { KillRun } from './kill-run.ts'
import { components, killDuringRun, killScenario } from './kill-run.ts'
import type { Soak, SoakFindings, SoakOptions } from './soak.ts'

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
    `kills each of the ${String(components.length)} parts of the architectures at ${String(positions)} seeded moments of a run and audits every store; begins nothing more after ${String(limitS)} s`,
  estimateS: ({ positions, limitS }) =>
    Math.min(limitS, (components.length * positions * POSITION_S) / atOnce()),
  run,
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
      const positionSeed = (seed * 1_000_000 + number * 1_000 + at) % 2 ** 31
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
    scenario: killScenario(position.architecture, { seed, batchEvents, measureS: MEASURE_S }),
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
    ...auditSentences(audit, 'broken'),
    ...audit.stores.flatMap((store) => [
      ...(store.lost.length === Math.min(store.lostEvents, store.listLimit)
        ? []
        : [`${store.store}: lost events are not all named`]),
    ]),
    ...(audit.passed || auditSentences(audit, 'broken').length > 0
      ? []
      : ['the audit did not pass']),
  ]
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
