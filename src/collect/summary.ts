/**
 * What a series says about each step. In: lines in order of time and the driver's segments. Out: one figure per metric
 * and step: counters as differences and per second, gauges as means over time, costs per accepted event.
 */
import type { SegmentResult } from '../drive/job.ts'
import type { SeriesLine } from '../results/record.ts'
import type { Slo } from '../scenario/scenario.ts'
import { findMetric, metricKey, parseMetricKey } from './metrics.ts'
import type { MetricId } from './metrics.ts'
import { RATE_OF_COUNTER } from './rates.ts'
import { SpanFold } from './span-fold.ts'
import type { Covered } from './span-fold.ts'
import { WorstWindows } from './worst-windows.ts'

export interface SummaryOptions {
  readonly segments: readonly SegmentResult[]
  /** Their windows are the ones over which the worst value of a metric is looked for. */
  readonly slos: readonly Slo[]
}

export interface SeriesSummary {
  /** One per segment, in their order; by metric key. What was not sampled is absent, never 0. */
  readonly steps: readonly Readonly<Record<string, number>>[]
  /** Over all measured segments together. */
  readonly measured: Readonly<Record<string, number>>
  /** The worst window of each gauge within each segment, in their order. */
  readonly stepWorst: readonly Readonly<Record<string, number>>[]
  /** The worst window of each gauge within the measured segments. */
  readonly worst: Readonly<Record<string, number>>
}

/** Less of a step than this was sampled: then nothing is said about it. */
const COVERED_MIN_RATIO = 0.8

export function summarise(lines: Iterable<SeriesLine>, options: SummaryOptions): SeriesSummary {
  const fold = new SummaryFold(options)
  for (const line of lines) fold.add(line)
  return fold.finish()
}

/** As `summarise`, for a series that is streamed: memory depends on keys × segments only. */
export class SummaryFold {
  readonly #segments: readonly SegmentResult[]
  readonly #spans: SpanFold
  readonly #worst: WorstWindows
  readonly #stepWorst: readonly WorstWindows[]

  constructor({ segments, slos }: SummaryOptions) {
    this.#segments = segments
    this.#spans = new SpanFold(segments)
    const measured = segments.filter((segment) => segment.kind === 'measure')
    const windowMsByKey = new Map(slos.map((slo) => [slo.metric, slo.windowS * 1_000]))
    this.#worst = new WorstWindows({
      fromMs: Math.min(...measured.map((segment) => segment.fromMs)),
      toMs: Math.max(...measured.map((segment) => segment.toMs)),
      windowMsByKey,
    })
    this.#stepWorst = segments.map(
      ({ fromMs, toMs }) => new WorstWindows({ fromMs, toMs, windowMsByKey }),
    )
  }

  add(line: SeriesLine): void {
    this.#spans.add(line)
    this.#worst.add(line)
    for (const windows of this.#stepWorst) windows.add(line)
  }

  finish(): SeriesSummary {
    const measured = this.#segments.flatMap(({ kind }, at) => (kind === 'measure' ? [at] : []))
    return {
      steps: this.#segments.map((_, at) => this.#figuresOf([at])),
      measured: this.#figuresOf(measured),
      stepWorst: this.#stepWorst.map((windows) => windows.finish()),
      worst: this.#worst.finish(),
    }
  }

  #figuresOf(positions: readonly number[]): Readonly<Record<string, number>> {
    const segments = positions.flatMap((at) => this.#segments[at] ?? [])
    const wallMs = segments.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
    const sampled = new Map<string, Covered>()
    for (const key of this.#spans.keys()) {
      const covered = this.#spans.covered(key, positions)
      if (covered.ms > 0 && covered.ms >= wallMs * COVERED_MIN_RATIO) sampled.set(key, covered)
    }
    const figures = new Map<string, number>(sampledFigures(sampled))
    for (const [key, value] of driverFigures(segments, wallMs / 1_000)) figures.set(key, value)
    for (const [key, value] of costFigures(figures, { sampled, segments, wallMs })) {
      figures.set(key, value)
    }
    const keys = [...figures.keys()].sort()
    return Object.fromEntries(keys.map((key) => [key, rounded(figures.get(key) ?? 0)]))
  }
}

/** Percentiles of seconds do not add up to the percentile of a step: the driver's histograms say that. */
function isQuantile(key: string): boolean {
  return /^(latency|sendDelay|freshness)\./.test(key)
}

function* sampledFigures(sampled: ReadonlyMap<string, Covered>): Generator<[string, number]> {
  const isCounter = (key: string): boolean => findMetric(key)?.kind === 'counter'
  for (const [key, covered] of sampled) {
    if (!isCounter(key) && !isQuantile(key)) yield [key, covered.total / covered.ms]
  }
  // After the gauges: the growth of a counter over the step is exact where the mean of its sampled rates is not.
  for (const [key, covered] of sampled) {
    if (!isCounter(key)) continue
    yield [key, covered.total]
    const { id, label } = parseMetricKey(key)
    const rateId = RATE_OF_COUNTER.get(id)
    if (rateId !== undefined) yield [metricKey(rateId, label), perS(covered)]
  }
}

/** What the driver counted is exact: it stands above what was sampled second by second. */
function* driverFigures(
  segments: readonly SegmentResult[],
  wallS: number,
): Generator<[string, number]> {
  if (wallS <= 0) return
  const sum = (of: (segment: SegmentResult) => number): number =>
    segments.reduce((total, segment) => total + of(segment), 0)
  const due = sum((segment) => segment.dueEvents)
  const dropped = sum(({ counts }) => counts.dropped)
  const acknowledged = sum(({ counts }) => counts.accepted + counts.duplicate)
  const requests = sum((segment) => segment.requests)
  yield ['rate.dueEventsPerS', due / wallS]
  yield ['rate.sentEventsPerS', (due - dropped) / wallS]
  yield ['rate.acceptedEventsPerS', acknowledged / wallS]
  if (due > 0) {
    yield ['outcome.notAcceptedRatio', 1 - acknowledged / due]
    yield ['outcome.droppedRatio', dropped / due]
  }
  if (requests > 0) {
    yield ['connection.waitedRatio', sum((segment) => segment.waitedRequests) / requests]
  }
}

interface CostOptions {
  readonly sampled: ReadonlyMap<string, Covered>
  readonly segments: readonly SegmentResult[]
  readonly wallMs: number
}

/** Rates over rates: a counter that was sampled for most of a step is not divided by the events of all of it. */
function* costFigures(
  figures: ReadonlyMap<string, number>,
  { sampled, segments, wallMs }: CostOptions,
): Generator<[string, number]> {
  const accepted = segments.reduce((sum, { counts }) => sum + counts.accepted, 0)
  const acceptedPerS = wallMs > 0 ? accepted / (wallMs / 1_000) : 0
  const walPerS = figures.get('wal.bytesPerS')
  const fpiPerS = figures.get('wal.fpiBytesPerS')
  if (acceptedPerS > 0) {
    if (walPerS !== undefined) yield ['wal.totalBytesPerEvent', walPerS / acceptedPerS]
    if (fpiPerS !== undefined) yield ['wal.fpiBytesPerEvent', fpiPerS / acceptedPerS]
    // The two counters are read a moment apart: in a step with hardly any WAL the difference may fall below 0.
    if (walPerS !== undefined && fpiPerS !== undefined) {
      yield ['wal.bytesPerEvent', Math.max(0, walPerS - fpiPerS) / acceptedPerS]
    }
    for (const [key, cores] of figures) {
      const { id, label } = parseMetricKey(key)
      if (id === 'cpu.cores') {
        yield [metricKey('cpu.msPer1000Events', label), (cores * 1e6) / acceptedPerS]
      }
    }
  }
  yield* shareFigures(sampled)
  if (acceptedPerS > 0) yield* rowFigures(sampled, acceptedPerS)
}

/** Of what one counter counted, how much another did. */
function* shareFigures(sampled: CostOptions['sampled']): Generator<[string, number]> {
  const created = sampled.get('parts.created')
  const inserts = sampled.get('inserts.statements')
  if (created !== undefined && inserts !== undefined && inserts.total > 0) {
    yield ['parts.perInsert', perS(created) / perS(inserts)]
  }
  for (const [key, claims] of sampled) {
    const { id, label } = parseMetricKey(key)
    if (id !== 'outbox.claims' || claims.total <= 0) continue
    const rows = sampled.get(metricKey('outbox.claimedRows', label))
    if (rows !== undefined) {
      yield [metricKey('outbox.rowsPerClaim', label), rows.total / claims.total]
    }
  }
  for (const [key, updates] of sampled) {
    const { id, label } = parseMetricKey(key)
    if (id !== 'table.updates' || updates.total <= 0) continue
    const hot = sampled.get(metricKey('table.hotUpdates', label))
    if (hot !== undefined) {
      yield [metricKey('table.hotUpdateRatio', label), hot.total / updates.total]
    }
  }
}

/** Of a table's counters, what each is per accepted event. */
const ROWS_PER_EVENT: ReadonlyMap<string, MetricId> = new Map<MetricId, MetricId>([
  ['table.inserts', 'table.insertedRowsPerEvent'],
  ['table.updates', 'table.updatedRowsPerEvent'],
  ['table.deletes', 'table.deletedRowsPerEvent'],
])

function* rowFigures(
  sampled: CostOptions['sampled'],
  acceptedPerS: number,
): Generator<[string, number]> {
  for (const [key, rows] of sampled) {
    const { id, label } = parseMetricKey(key)
    const perEvent = ROWS_PER_EVENT.get(id)
    if (perEvent !== undefined) yield [metricKey(perEvent, label), perS(rows) / acceptedPerS]
  }
}

function perS({ total, ms }: Covered): number {
  return total / (ms / 1_000)
}

/** Interpolation leaves noise in the last digits; a record is compared byte by byte. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(9))
}
