/**
 * A target that is up -> an outcome. Preload, live minutes, sizes, audit, and the arithmetic that turns sightings into
 * what was measured. A run whose audit fails is never called completed.
 */
import { join } from 'node:path'
import { refuseWhatIsStored } from '../audit/already-stored.ts'
import type { AuditEnd } from '../audit/audit.ts'
import { auditEvidence } from '../audit/audit.ts'
import { freshnessByRange, rangesOf } from '../audit/freshness.ts'
import type { OutcomeReader } from '../audit/outcomes.ts'
import { promisedAgainst } from '../audit/promise.ts'
import { openOutcomes } from '../audit/outcomes.ts'
import { latenessBySegment } from '../audit/lateness.ts'
import { coresAllowed } from '../collect/machine.ts'
import { metricKey } from '../collect/metrics.ts'
import { answersInWords, nothingAccepted } from '../collect/not-accepted.ts'
import { RecoveryFold } from '../collect/recovery.ts'
import type { Taken } from '../collect/recovery.ts'
import { queryOverlap } from '../collect/query-overlap.ts'
import { saturation } from '../collect/saturation.ts'
import type { SeriesSummary } from '../collect/summary.ts'
import { SummaryFold } from '../collect/summary.ts'
import { assert } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { percentilesOf } from '../kit/histogram.ts'
import type { FaultSeen } from '../results/fault-record.ts'
import type { Measured, Outcome, Percentiles } from '../results/record.ts'
import { seriesLines } from '../results/series.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { RunningTarget } from '../target/up.ts'
import type { LiveRun } from './live-run.ts'
import { EXCEPTIONS_FILE, OUTCOMES_FILE, runLive } from './live-run.ts'
import { SERIES_FILE } from './live-watch.ts'
import type { MeasuredInput, StoreFigures } from './measured.ts'
import { measuredOf } from './measured.ts'
import { restoresOf } from './restored-stores.ts'
import { dueTimes, latencyLimitMs, slowFrom } from './lateness.ts'
import { preload } from './preload.ts'
import type { RunOptions } from './run-options.ts'
import { explainQueries } from './explained.ts'
import { readStatementTotals, topStatements } from './statements.ts'
import { takenFrom } from './taken.ts'
import { unseenHere } from './unseen-here.ts'

export interface MeasureOptions extends RunOptions {
  readonly dataDir: string
  readonly dataDisk: string | null
  readonly log: Log
}

export async function measureTarget(
  up: RunningTarget,
  options: MeasureOptions,
): Promise<{ readonly outcome: Outcome; readonly epochMs: number }> {
  const { scenario, plan, target, signal } = options
  if (preloadedRows(up, scenario) > 0) {
    options.onProgress({
      type: 'phase',
      target: target.name,
      phase: 'preload',
      detail: `${String(scenario.initialRows)} rows`,
    })
    await preload(up.running.stores, {
      stream: plan.preloadStream,
      rows: scenario.initialRows,
      signal,
    })
  }
  if (plan.streamSpec.source === 'recorded') {
    const { evidence } = up
    await refuseWhatIsStored({ evidence, stream: plan.stream, target: target.name, signal })
  }
  const looking = { signal, log: options.log }
  const before = await readStatementTotals(up, looking)
  const live = await runLive({ ...options, up })
  const statements = endedByItself(live)
    ? topStatements(before, await readStatementTotals(up, looking))
    : []
  // After the count of statements, which is of what was measured.
  const explained = endedByItself(live)
    ? await explainQueries(up, { driver: live.driver, scenario, plan, ...looking })
    : new Map()
  try {
    const outcomes = await openOutcomes({
      outcomesFile: join(options.runDir, OUTCOMES_FILE),
      exceptionsFile: join(options.runDir, EXCEPTIONS_FILE),
      batchEvents: scenario.batchEvents,
      events: live.driver.segments.reduce((sum, segment) => sum + segment.dueEvents, 0),
    })
    const after: After = { up, options, live, outcomes, statements, explained }
    const audit = await auditIfWhole(after)
    const measured = await measuredFrom(after, audit)
    return { outcome: outcomeOf(after, measured, audit), epochMs: live.epochMs }
  } finally {
    for (const seen of live.seen.values()) await seen[Symbol.asyncDispose]()
  }
}

interface After {
  readonly up: RunningTarget
  readonly options: MeasureOptions
  readonly live: LiveRun
  readonly outcomes: OutcomeReader
  readonly statements: NonNullable<Measured['statements']>
  readonly explained: MeasuredInput['explained']
}

/** A dead engine cannot be read, and a user who pressed Ctrl-C does not wait for an audit. */
async function auditIfWhole({ up, options, live, outcomes }: After): Promise<AuditEnd | null> {
  if (!endedByItself(live)) return null
  const { scenario, target, plan, signal } = options
  const { segments } = live.driver
  if (nothingAccepted(segments)) {
    // An audit of no event would call every store whole.
    const because = `nothing was accepted: ${answersInWords(segments)}`
    return { audit: null, because, code: 'NOTHING_ACCEPTED' }
  }
  options.onProgress({ type: 'phase', target: target.name, phase: 'audit', detail: '' })
  const { evidence, promises } = up
  if (evidence.by === 'none') return { audit: null, because: evidence.because }
  return await auditEvidence({
    evidence,
    stores: up.running.stores,
    projections: up.running.projections ?? [],
    promises: promisedAgainst(
      [...promises.stores, ...(promises.projections ?? [])],
      brokenParts(live.faults),
    ),
    stream: plan.stream,
    preloadStream: plan.preloadStream,
    outcomes,
    preloadedRows: preloadedRows(up, scenario),
    // A process that is killed takes with it what was never written; a restore, what it says.
    worstFault: worstOf(live.faults),
    restores: restoresOf(up, live.faults, scenario),
    signal,
  })
}

/** Parts that were killed. */
function brokenParts(faults: LiveRun['faults']): readonly string[] {
  return faults.flatMap(({ kind, on, begun }) => (begun && kind === 'kill' ? [on] : []))
}

function worstOf(faults: LiveRun['faults']): 'none' | 'process-kill' {
  return brokenParts(faults).length > 0 ? 'process-kill' : 'none'
}

/** Only stores of our own are filled before the first event. */
function preloadedRows({ evidence }: RunningTarget, { initialRows }: Scenario): number {
  return evidence.by === 'stores' ? initialRows : 0
}

async function measuredFrom(after: After, audited: AuditEnd | null): Promise<Measured> {
  const { up, options, live } = after
  const { scenario, plan } = options
  const context = {
    parts: [...up.engines.flatMap(({ engine }) => engine.parts), ...up.running.parts],
    cores: coresAllowed(),
    unseenHere: unseenHere(up),
    connections: scenario.connections,
    batchEvents: scenario.batchEvents,
  }
  const taken = takenFrom(audited?.audit ?? null, live.freshness)
  const { summary, faults } = await seriesOf(options, live, taken)
  return measuredOf({
    scenario,
    segments: plan.segments,
    driver: live.driver,
    breaches: live.breaches,
    series: summary,
    faults,
    freshnessBySegment: await freshnessBySegment(after),
    freshness: live.freshness,
    statements: after.statements,
    explained: after.explained,
    stores: await sizesOf(after),
    checkpoints: live.checkpoints,
    overlapBySegment: await overlapBySegment(after),
    probeCpuCores: live.sampler.probeCpuCores,
    parts: context.parts,
    unseenHere: context.unseenHere,
    // What a fault takes away is no limit of the target.
    saturated: (steps) => (faults.length > 0 ? null : saturation({ ...context, steps })),
  })
}

/** One reading of the series for all that is folded from it. */
async function seriesOf(
  options: MeasureOptions,
  live: LiveRun,
  taken: readonly Taken[],
): Promise<{ readonly summary: SeriesSummary; readonly faults: readonly FaultSeen[] }> {
  const { segments } = live.driver
  const fold = new SummaryFold({ segments, slos: options.scenario.slos })
  const recovery = new RecoveryFold(live.faults, segments, taken)
  for await (const line of seriesLines(join(options.runDir, SERIES_FILE))) {
    fold.add(line)
    recovery.add(line)
  }
  // A drain that ends within its first seconds leaves the last window's backlog as the last that a series tells.
  const v = Object.fromEntries(
    live.freshness.map(({ store, leftEvents }) => [metricKey('backlog.events', store), leftEvents]),
  )
  recovery.add({ t: live.endedMs, v })
  return { summary: fold.finish(), faults: recovery.finish() }
}

/** Ack to readable, per segment of the schedule and store. */
async function freshnessBySegment({
  options,
  live,
  outcomes,
}: After): Promise<readonly Readonly<Record<string, Percentiles>>[]> {
  const bySegment = live.driver.segments.map((): Record<string, Percentiles> => ({}))
  for (const [store, seen] of live.seen) {
    const histograms = await freshnessByRange({
      outcomes,
      seen,
      stream: options.plan.stream,
      ranges: rangesOf(live.driver.segments),
      signal: options.hardSignal,
    })
    for (const [at, histogram] of histograms.entries()) {
      const percentiles = percentilesOf(histogram)
      const segment = bySegment[at]
      if (percentiles !== null && segment !== undefined) segment[store] = percentiles
    }
  }
  return bySegment
}

/** Metrics per segment about events that met a query. */
async function overlapBySegment({
  options,
  live,
  outcomes,
}: After): Promise<readonly Readonly<Record<string, number>>[]> {
  const { segments, queries } = live.driver
  if (queries.length === 0) return []
  const { scenario, plan, hardSignal: signal } = options
  const dueMs = dueTimes(scenario, plan)
  const limitMs = latencyLimitMs(scenario)
  const timed = segments.map((segment) => ({ ...segment, slowUs: slowFrom(segment.latencyAll) }))
  const bins = await latenessBySegment({ outcomes, dueMs, segments: timed, limitMs, signal })
  // Only measured segments are steps of the same kind; a warm-up is slow for reasons of its own.
  const measured = bins.filter((_bins, at) => segments[at]?.kind === 'measure')
  const overlap = queryOverlap(measured, queries)
  return bins.map((one) => overlap[measured.indexOf(one)] ?? {})
}

async function sizesOf({ up, options, live }: After): Promise<readonly StoreFigures[]> {
  if (!endedByItself(live)) return []
  return await Promise.all(
    up.sized.map(async (store) => ({
      name: store.name,
      ...(await store.size(options.signal)),
    })),
  )
}

function endedByItself({ end }: LiveRun): boolean {
  return end.how === 'schedule' || end.how === 'slo'
}

function outcomeOf({ live }: After, measured: Measured, audited: AuditEnd | null): Outcome {
  const { end } = live
  if (end.how === 'schedule' || end.how === 'slo') {
    assert(audited !== null, 'a run that ended by itself is audited where it can be')
    if (audited.audit === null) {
      const { because, code } = audited
      const why = code === undefined ? { because } : { because, code }
      return { state: 'not-audited', ...why, measured, audit: null }
    }
    const { audit } = audited
    if (!audit.passed) return { state: 'audit-failed', measured, audit }
    const limit = measured.saturated
    if (limit !== null && (limit.by === 'driver' || limit.by === 'pool')) {
      return { state: 'void', because: `${limit.by}: ${limit.evidence}`, measured, audit }
    }
    return { state: 'completed', measured, audit }
  }
  const by = end.how
  return { state: 'aborted', by, message: end.message, measured, audit: audited?.audit ?? null }
}
