/**
 * What measuring does to what is measured: one load on pg-batch, with and without probes and freshness polls. In: pairs
 * of runs. Out: the interval of the ratio of the target's CPU per event and of its p50, and what the probes took.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openSeenLog } from '../src/audit/freshness.ts'
import { startFreshness } from '../src/collect/freshness.ts'
import { hostProbe } from '../src/collect/host.ts'
import { memoryProbe, PartCpu } from '../src/collect/parts.ts'
import { startSampler } from '../src/collect/sampler.ts'
import type { RunningDriver } from '../src/drive/driver.ts'
import { startDriver } from '../src/drive/driver.ts'
import type { DriverJob, OutcomeCounts } from '../src/drive/job.ts'
import { silentLog } from '../src/kit/log.ts'
import { percentilesOf } from '../src/kit/histogram.ts'
import { Scope } from '../src/kit/scope.ts'
import { EventPopulation } from '../src/scenario/scenario.ts'
import type { Part } from '../src/architecture/part.ts'
import { harnessPart } from '../src/study/harness-part.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { median } from './bench-row.ts'
import type { PostgresTarget } from './ingest.ts'
import { startPostgresTarget } from './ingest.ts'
import { watchMachine } from './quiet-rounds.ts'
import { benchStream } from './rows.ts'

const PER_S = 2_000
const SECONDS = 8
const WARM_S = 2
/** Fewer pairs say too little about two per cent; --rounds below it is for trying out. */
const PAIRS_MIN = 10
const ROUNDS_FULL = 5
const WITHIN = 0.02
const FOREIGN_CORES_MAX = 0.15
const LEAD_MS = 300
const LOSSES = ['duplicate', 'rejected', 'shed', 'unknown', 'dropped'] as const

interface Figures {
  /** CPU of service and database per 1,000 events, ms. */
  readonly cpuMs: number
  readonly p50Us: number
  /** Due and not accepted, outcome by outcome, in words; null when all were. A pair with losses is thrown away. */
  readonly losses: string | null
  /** Cores of harness and probes while it ran; 0 without them. */
  readonly probeCores: number
}
interface Pair {
  readonly with: Figures
  readonly without: Figures
  readonly foreignCores: number | null
}

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  await using target = await startPostgresTarget('pg-batch', options.signal)
  const wanted = options.rounds < ROUNDS_FULL ? options.rounds : Math.max(PAIRS_MIN, options.rounds)
  let seed = 1
  const one = (measured: boolean): Promise<Figures> =>
    oneRun(target, { seed: seed++, measured, signal: options.signal })
  await one(true)
  const pairs: Pair[] = []
  const quietOf = (): readonly Pair[] => pairs.filter(isQuiet)
  while (quietOf().length < wanted && pairs.length < wanted * 2) {
    options.signal.throwIfAborted()
    const watch = watchMachine()
    const first = await one(pairs.length % 2 === 0)
    const second = await one(pairs.length % 2 !== 0)
    const [measured, bare] = pairs.length % 2 === 0 ? [first, second] : [second, first]
    pairs.push({ with: measured, without: bare, foreignCores: watch() })
  }
  return [
    rowOf('CPU of service and database per 1,000 events', pairs, {
      unit: 'CPU-ms',
      of: ({ cpuMs }) => cpuMs,
      quiet: quietOf(),
    }),
    rowOf('p50 of accepted events', pairs, {
      unit: 'µs',
      of: ({ p50Us }) => p50Us,
      quiet: quietOf(),
    }),
  ]
}

function isQuiet(pair: Pair): boolean {
  const whole = pair.with.losses === null && pair.without.losses === null
  return whole && (pair.foreignCores ?? 0) <= FOREIGN_CORES_MAX
}

async function oneRun(
  target: PostgresTarget,
  how: { readonly seed: number; readonly measured: boolean; readonly signal: AbortSignal },
): Promise<Figures> {
  await target.empty()
  await using scope = new Scope()
  const job = jobOf(target, how.seed)
  const parts: readonly Part[] = [
    ...target.up.engines.flatMap(({ engine }) => engine.parts),
    ...target.up.running.parts,
  ]
  const driver = scope.use(
    await startDriver(job, {
      signal: how.signal,
      log: silentLog,
      onWindow: () => undefined,
      onQuery: () => undefined,
    }),
  )
  const epochMs = performance.timeOrigin + performance.now() + LEAD_MS
  const stop = how.measured
    ? await startMeasuring(target, { parts, driver, epochMs, scope, ...how })
    : null
  const accounts = parts.map((part) => new PartCpu(part))
  const totalS = (): number => accounts.reduce((sum, account) => sum + account.totalS(), 0)
  const before = totalS()
  driver.go(epochMs)
  const result = await driver.result
  const cpuS = totalS() - before
  const probeCores = stop === null ? 0 : await stop()
  const segment = result.segments.find(({ kind }) => kind === 'measure')
  const percentiles = segment === undefined ? null : percentilesOf(segment.latencyAccepted)
  const p50 = percentiles?.p50
  if (typeof p50 !== 'number') throw new Error('half of the events were not accepted')
  const dueEvents = result.segments.reduce((sum, due) => sum + due.dueEvents, 0)
  const counted = (outcome: keyof OutcomeCounts): number =>
    result.segments.reduce((sum, { counts }) => sum + counts[outcome], 0)
  const lost = LOSSES.filter((outcome) => counted(outcome) > 0)
  const losses = lost.map((outcome) => `${counted(outcome)} ${outcome}`).join(', ')
  return {
    cpuMs: (cpuS * 1e6) / dueEvents,
    p50Us: p50,
    losses: losses === '' ? null : losses,
    probeCores,
  }
}

/** All that a study runs beside the load. @returns stops it and tells the cores it took */
async function startMeasuring(
  target: PostgresTarget,
  run: {
    readonly seed: number
    readonly parts: readonly Part[]
    readonly driver: RunningDriver
    readonly epochMs: number
    readonly scope: Scope
    readonly signal: AbortSignal
  },
): Promise<() => Promise<number>> {
  const { signal, epochMs, scope } = run
  const [store] = target.up.running.stores
  if (store === undefined) throw new Error('assertion failed: pg-batch has a store')
  const seenLog = scope.use(await openSeenLog(join(target.dir, `seen-${run.seed}.bin`)))
  const stream = await benchStream(run.seed)
  const log = silentLog
  const polls = scope.use(await startFreshness({ store, stream, seenLog, epochMs, signal, log }))
  const file = join(target.dir, `series-${run.seed}.ndjson`)
  scope.defer(() => rm(file, { force: true }))
  const parts = (): readonly Part[] => [...run.parts, run.driver.part, harnessPart]
  const sampler = scope.use(
    await startSampler({
      probes: [
        ...target.up.engines.flatMap(({ engine }) => engine.probes),
        ...target.up.running.probes,
        polls.probe,
        hostProbe({ parts, dataDir: target.dir, intervalMs: 500, log }),
        memoryProbe(parts, log),
      ],
      epochMs,
      file,
      signal,
      log,
    }),
  )
  return async () => {
    await polls.stop()
    return (await sampler.stop()).probeCpuCores
  }
}

function rowOf(
  what: string,
  pairs: readonly Pair[],
  {
    unit,
    of,
    quiet,
  }: {
    readonly unit: string
    readonly of: (figures: Figures) => number
    readonly quiet: readonly Pair[]
  },
): BenchRow {
  const counted = quiet.length > 0 ? quiet : pairs
  const ratios = counted.map((pair) => of(pair.with) / of(pair.without))
  const interval = intervalOf(ratios)
  const probeCores = median(counted.map((pair) => pair.with.probeCores))
  const known = pairs.flatMap(({ foreignCores }) => (foreignCores === null ? [] : [foreignCores]))
  const losses = pairs.flatMap((pair) => [pair.with.losses, pair.without.losses]).find(Boolean)
  const conclusive = quiet.length >= PAIRS_MIN && interval !== null
  return {
    what: `cost of measuring: ${what}`,
    ours: median(counted.map((pair) => of(pair.with))),
    peer: median(counted.map((pair) => of(pair.without))),
    peerName: 'the same run without probes and freshness polls',
    unit,
    ratio: { low: Math.min(...ratios), mid: median(ratios), high: Math.max(...ratios) },
    bar: `interval of the ratio within ${WITHIN * 100} %`,
    met: conclusive ? interval.low >= 1 - WITHIN && interval.high <= 1 + WITHIN : null,
    note: [
      interval === null
        ? 'one pair has no interval'
        : `95 % interval of the mean ratio ${interval.low.toFixed(3)}–${interval.high.toFixed(3)}`,
      `${PER_S} events/s for ${SECONDS} s; harness and probes took ${probeCores.toFixed(3)} cores`,
      `${quiet.length} quiet pairs of ${pairs.length}${quiet.length === 0 ? ', so CONTENDED ones are shown' : ''}`,
      known.length === 0
        ? 'foreign CPU is not known here'
        : `foreign CPU ${Math.min(...known).toFixed(2)}–${Math.max(...known).toFixed(2)} cores`,
      losses === undefined ? '' : `a run with losses (no quiet pair): ${losses}`,
    ]
      .filter((part) => part !== '')
      .join('; '),
  }
}

/** Of the mean of logarithms; Student's t, 97.5 %, for 1…30 degrees of freedom. */
function intervalOf(
  ratios: readonly number[],
): { readonly low: number; readonly high: number } | null {
  const n = ratios.length
  if (n < 2) return null
  const logs = ratios.map(Math.log)
  const mean = logs.reduce((sum, log) => sum + log, 0) / n
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (n - 1)
  const half = (T_975[Math.min(n - 1, T_975.length) - 1] ?? 2) * Math.sqrt(variance / n)
  return { low: Math.exp(mean - half), high: Math.exp(mean + half) }
}

const T_975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
]

function jobOf(target: PostgresTarget, seed: number): DriverJob {
  const rate = { fromPerS: PER_S, toPerS: PER_S }
  const endS = WARM_S + SECONDS
  return {
    stream: { source: 'generated', shape: 'billing', seed, events: EventPopulation.parse({}) },
    eventEpochMs: Date.UTC(2026, 0, 1),
    segments: [
      { name: 'warmup', kind: 'warmup', fromS: 0, toS: WARM_S, ...rate },
      { name: 'bench', kind: 'measure', fromS: WARM_S, toS: endS, ...rate },
    ],
    recordedPace: null,
    spacing: 'even',
    seed,
    batchEvents: 1,
    url: target.up.running.ingestUrl.href,
    connections: 64,
    inFlightRequestsMax: 4_096,
    requestTimeoutMs: 10_000,
    client: 'raw',
    pacing: 'auto',
    drainS: 10,
    queries: [],
    headers: {},
    outcomesFile: join(target.dir, `outcomes-${seed}.bin`),
    exceptionsFile: join(target.dir, `exceptions-${seed}.ndjson`),
  }
}
