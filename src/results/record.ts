/**
 * What is kept of one run and of a study of runs: enough to redraw every report and to doubt every number.
 * Written once, never edited; a reader of a newer Headroom still reads schema 1.
 */
import { z } from 'zod'
import { Audit } from './audit-record.ts'
import { FaultSeen } from './fault-record.ts'
import { Machine } from './machine-record.ts'
import { NotAccepted } from './not-accepted-record.ts'
import { QueryFigures } from './query-record.ts'
import { Scenario } from '../scenario/scenario.ts'
import { ProviderName } from '../target/engine-choice.ts'
import { Target } from '../target/target.ts'
import { Percentiles, Quantile } from './quantities.ts'

export { Machine } from './machine-record.ts'
export type { NotAcceptedReason } from './not-accepted-record.ts'
export { StudyRecord } from './study-record.ts'

export { EncodedHistogram, Interval, Percentiles, Quantile } from './quantities.ts'

const count = z.number().int().min(0)

export const OutcomeCounts = z.strictObject({
  accepted: count,
  duplicate: count,
  rejected: count,
  shed: count,
  unknown: count,
  dropped: count,
})

/** What one segment of the schedule showed. */
export const Step = z.strictObject({
  name: z.string(),
  kind: z.enum(['warmup', 'measure']),
  fromMs: z.number(),
  toMs: z.number(),
  /** Mean scheduled rate of the segment. */
  targetPerS: z.number(),
  dueEvents: count,
  counts: OutcomeCounts,
  /** Absent: everything was accepted, or a record of before this was kept. */
  notAccepted: NotAccepted.optional(),
  /** Accepted and duplicate answers per second of the segment. */
  acceptedPerS: z.number(),
  /** null when the segment had no event. */
  latencyUs: Percentiles.nullable(),
  latencyAcceptedUs: Percentiles.nullable(),
  sendDelayUs: Percentiles.nullable(),
  serviceTimeUs: Percentiles.nullable(),
  /** Ack to readable, per store; null where no event of the segment was accepted or the store was not polled. */
  freshnessUs: z.record(z.string(), Percentiles),
  waitedRatio: z.number(),
  /** Every metric of collect/metrics.ts over the segment, by key; counters as differences, gauges as means. */
  metrics: z.record(z.string(), z.number()),
  /**
   * The worst window of each gauge within the step, a window being what its SLO asks for or three seconds. Absent: a
   * record of before this was kept.
   */
  worst: z.record(z.string(), z.number()).optional(),
  /** `null`: the step kept every SLO that was measured, and no more than 1 % of its events was not accepted. */
  brokenSlo: z
    .strictObject({ metric: z.string(), max: z.number(), value: Quantile, atMs: z.number() })
    .nullable(),
  /** The step was cut short when its SLO broke. */
  complete: z.boolean(),
})
export type Step = z.infer<typeof Step>

export const SaturatedBy = z.enum([
  'driver',
  'pool',
  'service',
  'engine',
  'queries',
  'machine',
  /** No resource: the service answered, and did not accept. */
  'answers',
])
export type SaturatedBy = z.infer<typeof SaturatedBy>

export const Measured = z.strictObject({
  steps: z.array(Step),
  /** The highest step that was complete and kept every SLO that was measured; null when the first already broke. */
  sustainedPerS: z.number().nullable(),
  /** The lowest step that broke an SLO; null when none did. */
  brokenAtPerS: z.number().nullable(),
  /**
   * SLOs that steps count as keeping only because nothing was measured for them, or no window of theirs fitted in: the
   * sustained rate holds as far as the others go. Absent: a record of before this was kept.
   */
  unmeasuredSlos: z
    .array(
      z.strictObject({
        metric: z.string(),
        max: z.number(),
        windowS: z.number(),
        because: z.enum(['not-measured', 'step-too-short']),
        ratesPerS: z.array(z.number()),
      }),
    )
    .optional(),
  /** Who was the limit, and the evidence in a sentence. null: no limit was reached. */
  saturated: z.strictObject({ by: SaturatedBy, evidence: z.string() }).nullable(),
  /** Metrics over all measured steps together. */
  metrics: z.record(z.string(), z.number()),
  /** Highest value seen over the scenario’s windows, for gauges judged by their worst window. */
  worst: z.record(z.string(), z.number()),
  queries: z.array(QueryFigures),
  /** The most expensive statements of each engine by time, from warm-up to drain. Absent: not counted. */
  statements: z
    .array(
      z.strictObject({
        engine: z.string(),
        /** Without literals. */
        text: z.string(),
        calls: z.number(),
        totalMs: z.number(),
        rows: z.number(),
        blocks: z.number(),
        walBytes: z.number(),
        /** Of the time of all statements of the engine. */
        timeRatio: z.number(),
      }),
    )
    .optional(),
  stores: z.array(
    z.strictObject({
      name: z.string(),
      rows: count,
      heapBytes: count,
      indexBytes: count,
      totalBytes: count,
      /** Bytes of each index by its definition. Absent: the engine has none, or a record of before this was kept. */
      indexes: z.record(z.string(), count).optional(),
    }),
  ),
  checkpoints: z.array(
    z.strictObject({
      atMs: z.number(),
      reason: z.enum(['start', 'labelled', 'engine']),
      /** Servers that made none while another did, each with its reason. */
      refused: z.array(z.string()).optional(),
    }),
  ),
  /** What went wrong on purpose, and how the target came back. Absent: nothing did. */
  faults: z.array(FaultSeen).optional(),
  driver: z.strictObject({
    cpuS: z.number(),
    wallS: z.number(),
    maxRssBytes: count,
    pacing: z.enum(['metro', 'tick']),
    eventLoopDelayP99Us: z.number(),
    connectErrors: count,
  }),
  /** Largest gap between two freshness polls of a store, ms: how finely freshness is known. */
  freshnessResolutionMs: z.record(z.string(), z.number()),
  /** Polls until all partitions of a store were looked at, the old ones in turn; absent: each looked at all. */
  freshnessRoundPolls: z.record(z.string(), z.number()).optional(),
  /** Cores used by harness and probes, without driver. */
  probeCpuCores: z.number(),
  /** Parts under test by kind. Absent: a record of before this was kept; then names tell engines from services. */
  parts: z
    .array(z.strictObject({ name: z.string(), kind: z.enum(['service', 'worker', 'engine']) }))
    .optional(),
  /** Parts under test whose processes could not be read: their CPU is unknown, not 0. Absent: none. */
  unseenCpu: z.array(z.string()).optional(),
  /** What answered on this machine without its processes being seen: foreign CPU may be its work. */
  unseenHere: z.array(z.string()).optional(),
})
export type Measured = z.infer<typeof Measured>

export const Outcome = z.discriminatedUnion('state', [
  /** The schedule ran to its end, or to its first broken SLO as asked; the audit passed. */
  z.strictObject({ state: z.literal('completed'), measured: Measured, audit: Audit }),
  /** Everything ran, but a store does not hold what was acknowledged. Not a result. */
  z.strictObject({ state: z.literal('audit-failed'), measured: Measured, audit: Audit }),
  /** Driver or pool was the limit: the figures say nothing about the architecture. */
  z.strictObject({
    state: z.literal('void'),
    because: z.string(),
    measured: Measured,
    audit: Audit,
  }),
  /** Nothing looked whether what was acknowledged is stored: the figures prove nothing and are never ranked. */
  z.strictObject({
    state: z.literal('not-audited'),
    because: z.string(),
    /** Where an audit was asked for and the target file kept it from proving anything. */
    code: z.enum(['BAD_INPUT', 'NOTHING_ACCEPTED']).optional(),
    measured: Measured,
    audit: z.null(),
  }),
  z.strictObject({
    state: z.literal('aborted'),
    by: z.enum(['signal', 'engine-crash', 'service-crash', 'disk-full', 'deadline']),
    message: z.string(),
    measured: Measured.nullable(),
    audit: Audit.nullable(),
  }),
  z.strictObject({ state: z.literal('failed'), code: z.string(), message: z.string() }),
])
export type Outcome = z.infer<typeof Outcome>

export const StorePromise = z.strictObject({
  store: z.string(),
  survives: z.enum(['nothing', 'process-kill', 'power-loss', 'node-loss']),
  /** Where it survives nothing: the parts whose end explains a loss; absent: nobody’s. */
  lostWith: z.array(z.string()).readonly().optional(),
  /** Their end leaves nothing, however long ago it was stored; absent: only what was new is at risk. */
  emptied: z.boolean().optional(),
  delivery: z.enum(['at-most-once', 'at-least-once', 'exactly-once']),
  readAfterAck: z.enum(['at-once', 'eventually']),
  duplicates: z.enum(['one-row', 'one-readable', 'kept']),
})
export type StorePromise = z.infer<typeof StorePromise>

/** `digest` is the registry's; null where the image was built or loaded on that machine. */
const Image = z.strictObject({ name: z.string(), id: z.string(), digest: z.string().nullable() })

export const RunRecord = z.strictObject({
  schema: z.literal(1),
  id: z.string(),
  studyId: z.string(),
  /** 1-based interleaving round. */
  round: z.int().positive(),
  /** The id of a void run that this one makes again. */
  repeats: z.string().optional(),
  startedAt: z.string(),
  finishedAt: z.string(),
  headroom: z.strictObject({ version: z.string(), commit: z.string() }),
  scenario: Scenario,
  target: Target,
  architecture: z.strictObject({
    id: z.string(),
    title: z.string(),
    /** Settings after defaults. */
    settings: z.record(z.string(), z.unknown()),
    promises: z.strictObject({
      ack: z.string(),
      stores: z.array(StorePromise),
      projections: z.array(StorePromise).optional(),
    }),
    /** Whether requests share statements or commits; absent: not known. */
    batches: z.boolean().optional(),
    partsToOperate: z.array(z.string()),
    /** What its settings ask for and its engines could not do. */
    notMeasured: z.array(z.string()).optional(),
    /** What its settings left to be decided by what its engines have. */
    decided: z.array(z.string()).optional(),
    /** Of its own processes, where they ran in containers. */
    images: z.array(Image.extend({ part: z.string() })).optional(),
  }),
  engines: z.array(
    z.strictObject({
      role: z.string(),
      kind: z.string(),
      provider: ProviderName,
      label: z.string(),
      version: z.string(),
      settings: z.record(z.string(), z.string()),
      /** Where it ran in a container. */
      image: Image.optional(),
      /** What this server could do that another of its kind may not, as it was found: `lz4: yes`. */
      facts: z.record(z.string(), z.string()).optional(),
      /** Of a user's own server, whose settings are never changed: what it does not use as the target asks. */
      settingsNotInForce: z
        .array(z.strictObject({ name: z.string(), asked: z.string(), inForce: z.string() }))
        .optional(),
      /** Of a user's own server: what is not seen there, and the right that would show it. */
      unseen: z.array(z.string()).optional(),
    }),
  ),
  machine: Machine,
  /** Makes the identifiers of this run its own, in a store that keeps earlier ones. Absent: the store was fresh. */
  identifierMark: z.string().optional(),
  /** Why there were no rows before the first event though the scenario asks for some; absent: there were. */
  notPreloaded: z.string().optional(),
  /** Epoch of the run in epoch ms; all `…Ms` offsets count from here. */
  epochMs: z.number(),
  /** Series file beside the record, or null when nothing was sampled. */
  seriesFile: z.string().nullable(),
  /** Files of the run that a doubter wants: logs, outcome files. Relative to the record. */
  files: z.array(z.string()),
  outcome: Outcome,
})
export type RunRecord = z.infer<typeof RunRecord>

/** One line of series.ndjson: all keys sampled at one moment. */
export interface SeriesLine {
  readonly t: number
  readonly v: Readonly<Record<string, number>>
}
