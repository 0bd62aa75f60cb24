/**
 * Raw sightings -> what the record says was measured. Pure arithmetic: no clock, file or process. In: the driver's
 * result, the series' figures, freshness and sizes. Out: `Measured`.
 */
import type { Part } from '../architecture/part.ts'
import type { FreshnessSummary } from '../collect/freshness.ts'
import type { SaturationVerdict } from '../collect/saturation.ts'
import type { SeriesSummary } from '../collect/summary.ts'
import type { SloBreach } from '../judge/slo.ts'
import { acceptanceBreach } from '../judge/acceptance.ts'
import { stepBreach } from '../judge/slo.ts'
import { unmeasuredSlos } from '../judge/unmeasured.ts'
import { Histogram, percentilesOf } from '../kit/histogram.ts'
import type { FaultSeen } from '../results/fault-record.ts'
import type { Measured, Percentiles, Step } from '../results/record.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Explained } from '../drive/explained.ts'
import type { DriverResult, QueryResult, Segment, SegmentResult } from '../drive/job.ts'
import type { CheckpointMark } from './checkpoints.ts'

export interface StoreFigures {
  readonly name: string
  readonly rows: number
  readonly heapBytes: number
  readonly indexBytes: number
  readonly totalBytes: number
  readonly indexes?: Record<string, number>
}

export interface MeasuredInput {
  readonly scenario: Scenario
  readonly segments: readonly Segment[]
  readonly driver: DriverResult
  readonly breaches: ReadonlyMap<string, SloBreach>
  readonly series: SeriesSummary
  /** Ack to readable: one map per driver segment, by store name. */
  readonly freshnessBySegment: readonly Readonly<Record<string, Percentiles>>[]
  readonly freshness: readonly FreshnessSummary[]
  readonly statements: NonNullable<Measured['statements']>
  /** What queries read whose answers do not tell. */
  readonly explained: ReadonlyMap<string, Explained>
  readonly stores: readonly StoreFigures[]
  readonly checkpoints: readonly CheckpointMark[]
  readonly faults: readonly FaultSeen[]
  /** How events fared while queries ran: metrics per driver segment; empty where none was asked. */
  readonly overlapBySegment: readonly Readonly<Record<string, number>>[]
  readonly probeCpuCores: number
  /** Parts under test. */
  readonly parts: readonly Pick<Part, 'name' | 'kind'>[]
  /** What answers on this machine without being seen. */
  readonly unseenHere: readonly string[]
  readonly saturated: (steps: readonly Step[]) => SaturationVerdict | null
}

export function measuredOf(input: MeasuredInput): Measured {
  const { driver, series } = input
  const steps = driver.segments.map((segment, at) => stepOf(input, segment, at))
  const measured = steps.filter((step) => step.kind === 'measure')
  // The first broken step ends what was held, even where a later, faster one looked well again.
  const firstBroken = measured.find((step) => step.brokenSlo !== null)
  const before =
    firstBroken === undefined ? measured : measured.slice(0, measured.indexOf(firstBroken))
  const kept = before.filter((step) => step.complete)
  const perEvent = storedPerEvent(input.stores)
  return {
    steps,
    sustainedPerS: kept.length === 0 ? null : Math.max(...kept.map((step) => step.targetPerS)),
    brokenAtPerS: firstBroken?.targetPerS ?? null,
    unmeasuredSlos: [...unmeasuredSlos(steps, input.scenario.slos)],
    saturated: input.saturated(steps),
    metrics: { ...series.measured, ...perEvent },
    worst: series.worst,
    queries: queriesOf(driver.queries, input.explained),
    ...(input.statements.length === 0 ? {} : { statements: [...input.statements] }),
    stores: [...input.stores],
    checkpoints: input.checkpoints.map(({ refused, ...mark }) => ({
      ...mark,
      ...(refused === undefined ? {} : { refused: [...refused] }),
    })),
    ...(input.faults.length === 0 ? {} : { faults: [...input.faults] }),
    driver: {
      cpuS: driver.driver.cpuS,
      wallS: driver.driver.wallS,
      maxRssBytes: driver.driver.maxRssBytes,
      pacing: driver.driver.pacing,
      eventLoopDelayP99Us: driver.driver.eventLoopDelayP99Us,
      connectErrors: driver.driver.connectErrors,
    },
    ...roundPolls(input.freshness),
    freshnessResolutionMs: Object.fromEntries(
      input.freshness.map(({ store, resolutionMs }) => [store, resolutionMs]),
    ),
    probeCpuCores: input.probeCpuCores,
    unseenHere: [...input.unseenHere],
    parts: input.parts.flatMap(({ name, kind }) =>
      kind === 'driver' || kind === 'harness' ? [] : [{ name, kind }],
    ),
    ...unseenCpuOf(input.parts, [series.measured, ...steps.map((step) => step.metrics)]),
  }
}

function unseenCpuOf(
  parts: MeasuredInput['parts'],
  metrics: readonly Readonly<Record<string, number>>[],
): Pick<Measured, 'unseenCpu'> {
  const unseen = parts
    .map(({ name }) => name)
    .filter((name) => metrics.every((one) => !(`cpu.cores{${name}}` in one)))
  return unseen.length === 0 ? {} : { unseenCpu: unseen }
}

function stepOf(input: MeasuredInput, segment: SegmentResult, at: number): Step {
  const planned = input.segments[at]
  const lengthMs = segment.toMs - segment.fromMs
  const acknowledged = segment.counts.accepted + segment.counts.duplicate
  const breach = input.breaches.get(segment.name) ?? null
  const metrics = {
    ...input.series.steps[at],
    ...slowestQueries(input.driver.queries, segment),
    ...input.overlapBySegment[at],
  }
  const step: Step = {
    name: segment.name,
    kind: segment.kind,
    fromMs: segment.fromMs,
    toMs: segment.toMs,
    targetPerS: planned === undefined ? 0 : (planned.fromPerS + planned.toPerS) / 2,
    dueEvents: segment.dueEvents,
    counts: segment.counts,
    ...notAcceptedOf(segment),
    acceptedPerS: lengthMs > 0 ? acknowledged / (lengthMs / 1_000) : 0,
    latencyUs: percentilesOf(segment.latencyAll),
    latencyAcceptedUs: percentilesOf(segment.latencyAccepted),
    sendDelayUs: percentilesOf(segment.sendDelay),
    serviceTimeUs: percentilesOf(segment.serviceTime),
    freshnessUs: input.freshnessBySegment[at] ?? {},
    waitedRatio: segment.requests === 0 ? 0 : segment.waitedRequests / segment.requests,
    metrics,
    worst: input.series.stepWorst[at] ?? {},
    brokenSlo: breach,
    // A stop cuts the segment it falls in; its last moments are not a whole step.
    complete: planned !== undefined && segment.toMs >= planned.toS * 1_000 - 1,
  }
  if (step.kind === 'warmup' || step.brokenSlo !== null || !step.complete) return step
  return { ...step, brokenSlo: stepBreach(step, input.scenario.slos) ?? acceptanceBreach(step) }
}

function notAcceptedOf({ notAccepted }: SegmentResult): Pick<Step, 'notAccepted'> {
  if (notAccepted === undefined) return {}
  const { answeredRequests, reasons, otherRequests } = notAccepted
  if (reasons.length === 0 && otherRequests === 0) return {}
  return { notAccepted: { answeredRequests, reasons: [...reasons], otherRequests } }
}

/** Median seconds of each query within a step; an answer that never came is not hidden behind those that did. */
function slowestQueries(
  queries: readonly QueryResult[],
  segment: SegmentResult,
): Readonly<Record<string, number>> {
  const within = queries.filter(({ atMs }) => atMs >= segment.fromMs && atMs < segment.toMs)
  const figures: Record<string, number> = {}
  for (const name of new Set(within.map((query) => query.name))) {
    const answers = within.filter((query) => query.name === name)
    const seconds = answers.map((query) => query.seconds).sort((a, b) => a - b)
    const median = seconds[Math.floor(seconds.length / 2)]
    if (median !== undefined) figures[`query.seconds{${name}}`] = median
    const { staleRatio, saidLagMaxS, lackingRatio } = stalenessOf(answers)
    if (staleRatio !== undefined) figures[`query.staleRatio{${name}}`] = staleRatio
    if (saidLagMaxS !== undefined) figures[`query.saidLagS{${name}}`] = saidLagMaxS
    if (lackingRatio !== undefined) figures[`query.lackingRatio{${name}}`] = lackingRatio
  }
  return figures
}

function queriesOf(
  queries: readonly QueryResult[],
  explained: MeasuredInput['explained'],
): Measured['queries'] {
  return [...new Set(queries.map((query) => query.name))].sort().map((name) => {
    const asked = queries.filter((query) => query.name === name)
    const answered = asked.filter((query) => query.outcome === 'ok')
    const inUs = new Histogram()
    for (const query of asked) {
      if (query.outcome === 'ok') inUs.record(query.seconds * 1e6)
      else inUs.recordInfinite(1)
    }
    const us = percentilesOf(inUs)
    return {
      name,
      answered: answered.length,
      failed: asked.length - answered.length,
      seconds: us === null ? null : inSeconds(us),
      ...readBy(answered.at(-1), explained.get(name)),
      ...stalenessOf(answered),
    }
  })
}

/** By the query that was explained, else as its last answer says. */
function readBy(
  last: QueryResult | undefined,
  told: Explained | undefined,
): Pick<Measured['queries'][number], 'rowsRead' | 'bytesRead' | 'plan'> {
  if (told === undefined) {
    return { rowsRead: last?.rowsRead ?? null, bytesRead: last?.bytesRead ?? null }
  }
  const { rowsRead, bytesRead, plan } = told
  const planned = plan === undefined ? {} : { plan: { ...plan, nodes: [...plan.nodes] } }
  return { rowsRead, bytesRead, ...planned }
}

/** What answers said of their own age, and whether those that were compared lacked a write; nothing where none did. */
function stalenessOf(answers: readonly QueryResult[]): {
  readonly staleRatio?: number
  readonly saidLagMaxS?: number
  readonly compared?: number
  readonly lackingRatio?: number
} {
  const said = answers.flatMap(({ stale }) => stale ?? [])
  const lags = answers.flatMap(({ saidLagS }) => saidLagS ?? [])
  const lacks = answers.flatMap(({ lacksWrite }) => lacksWrite ?? [])
  const compared = lacks.length
  return {
    ...(said.length === 0 ? {} : { staleRatio: said.filter(Boolean).length / said.length }),
    ...(lags.length === 0 ? {} : { saidLagMaxS: Math.max(...lags) }),
    ...(compared === 0 ? {} : { compared, lackingRatio: lacks.filter(Boolean).length / compared }),
  }
}

/** Seconds for the reader; the histogram would still be in microseconds, so it is left out. */
function inSeconds(us: Percentiles): Percentiles {
  const scaled = (value: number | 'infinite'): number | 'infinite' =>
    value === 'infinite' ? value : value / 1e6
  return {
    samples: us.samples,
    infinite: us.infinite,
    p50: scaled(us.p50),
    p90: scaled(us.p90),
    p99: scaled(us.p99),
    p999: scaled(us.p999),
    max: scaled(us.max),
    histogram: null,
  }
}

function storedPerEvent(stores: readonly StoreFigures[]): Readonly<Record<string, number>> {
  const figures: Record<string, number> = {}
  for (const { name, rows, heapBytes, indexBytes, totalBytes } of stores) {
    if (rows === 0) continue
    figures[`store.rows{${name}}`] = rows
    figures[`store.heapBytesPerEvent{${name}}`] = heapBytes / rows
    figures[`store.indexBytesPerEvent{${name}}`] = indexBytes / rows
    figures[`store.bytesPerEvent{${name}}`] = totalBytes / rows
  }
  return figures
}

/** Only of stores where one poll does not look everywhere. */
function roundPolls(
  stores: MeasuredInput['freshness'],
): Pick<Measured, 'freshnessRoundPolls'> | Record<string, never> {
  const long = stores.flatMap(({ store, roundPolls: polls }) =>
    polls > 1 ? [[store, polls] as const] : [],
  )
  return long.length === 0 ? {} : { freshnessRoundPolls: Object.fromEntries(long) }
}
