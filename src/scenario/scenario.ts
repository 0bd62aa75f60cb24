/**
 * What traffic is replayed, as data. In: a parsed YAML document. Out: a `Scenario` every later room believes.
 * It must not know what the traffic hits.
 */
import { z } from 'zod'
import { ENTITY_QUERY } from '../shapes/entity-write.ts'
import { Fault } from './fault.ts'

const ratePerS = z.number().positive().max(5_000_000)
const ratio = z.number().min(0).max(1)

/** Events per second over the measured time. `steps` is the staircase of a ramp search. */
export const RateShape = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), ratePerS }),
  z.strictObject({
    kind: z.literal('steps'),
    ratesPerS: z.array(ratePerS).min(1).max(200),
    /** How long each step is held. */
    stepS: z.number().positive(),
  }),
  z.strictObject({ kind: z.literal('ramp'), fromPerS: z.number().min(0), toPerS: ratePerS }),
  z.strictObject({
    kind: z.literal('spike'),
    basePerS: ratePerS,
    peakPerS: ratePerS,
    atS: z.number().min(0),
    lengthS: z.number().positive(),
  }),
  z.strictObject({
    kind: z.literal('recorded'),
    /** NDJSON or CSV, relative to the scenario file. */
    file: z.string().min(1),
    format: z.enum(['ndjson', 'csv']),
    /** Which column or JSON path feeds which field of the shape's events; consistency.ts knows the fields. */
    mapping: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    /** 2 replays twice as fast as recorded; `ratePerS` ignores the recorded times instead. */
    pace: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('recorded'), factor: z.number().positive().default(1) }),
      z.strictObject({ kind: z.literal('rate'), ratePerS }),
    ]),
  }),
])
export type RateShape = z.infer<typeof RateShape>

/** Who sends (tenants, in eav), about whom (entities), of what kind (attributes), and how events are spread over them. */
export const EventPopulation = z.strictObject({
  organizations: z.int().positive().max(1_000_000).default(20),
  customers: z.int().positive().max(10_000_000).default(10_000),
  codes: z.int().positive().max(10_000).default(10),
  /** 0 is uniform; 1.1 is a usual skew over organizations and customers. */
  zipfExponent: z.number().min(0).max(4).default(1.1),
  /** Size of one event's JSON text, on average; a filler makes up what its fields leave. */
  payloadBytes: z.int().min(250).max(65_536).default(540),
  /** Share of the payload's filler that repeats: 0 is random text, 1 is one word over and over. */
  compressibleRatio: ratio.default(0.5),
  identifiers: z.enum(['uuidv4', 'uuidv7', 'sequential']).default('uuidv4'),
  /** Share of events that send an earlier event's identical bytes again. */
  duplicateRatio: ratio.default(0),
  /** Share of events whose timestamp lies `lateByS` in the past. */
  lateRatio: ratio.default(0),
  lateByS: z.number().positive().default(3_600),
  /** Share of events whose timestamp is shuffled by up to `outOfOrderByMs`. */
  outOfOrderRatio: ratio.default(0),
  outOfOrderByMs: z.number().positive().default(5_000),
})
export type EventPopulation = z.infer<typeof EventPopulation>

/** `entity` reads one entity as it is now, of which a write was acknowledged before, and looks for that write. */
export const QueryName = z.enum(['Q1', 'Q2', 'Q3', 'Q4', 'Q9', 'Q10', 'Q11', ENTITY_QUERY])
export type QueryName = z.infer<typeof QueryName>

/** A limit the target must keep: the first one broken ends a stepped ramp. */
export const Slo = z.strictObject({
  /** An id of collect/metrics.ts, with a label where the metric has one: `query.seconds{Q1}`. */
  metric: z.string().min(1),
  max: z.number().positive(),
  /** Judged over windows of this length; a window that ends in a drain or warm-up does not count. */
  windowS: z.number().positive().default(3),
})
export type Slo = z.infer<typeof Slo>

/** What the events are. Each has a folder in src/shapes/ and a line in its registry. */
export const ShapeName = z.enum(['billing', 'eav'])
export type ShapeName = z.infer<typeof ShapeName>

/** The shape's own settings; parsed by the shape. */
const ShapeSettings = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
export type ShapeSettings = Readonly<z.infer<typeof ShapeSettings>>

export const Scenario = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  description: z.string().default(''),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31 - 1),
  shape: ShapeName.default('billing'),
  shapeSettings: ShapeSettings.optional(),
  rate: RateShape,
  /** Spacing of arrivals around the rate: `poisson` is what independent users produce. */
  spacing: z.enum(['even', 'poisson']).default('even'),
  phases: z.strictObject({
    warmupS: z.number().min(0).default(5),
    /** Rate of the warm-up; the first measured rate where absent. */
    warmupPerS: ratePerS.optional(),
    /** Length of the measured phase. For `steps` it follows from the steps; for `recorded` from the file. */
    measureS: z.number().positive().optional(),
    drainS: z.number().min(0).default(10),
  }),
  /** Rows every store holds before the first event, written by the harness through bulk load. */
  initialRows: z.int().min(0).max(2_000_000_000).default(0),
  batchEvents: z.int().positive().max(100_000).default(1),
  connections: z.int().positive().max(10_000).default(64),
  /** Requests due but unanswered, waiting for a connection included; beyond it events are dropped and counted. */
  inFlightRequestsMax: z.int().positive().max(1_000_000).default(4_096),
  requestTimeoutMs: z.int().positive().default(10_000),
  client: z.enum(['raw', 'undici']).default('raw'),
  pacing: z.enum(['auto', 'metro', 'tick']).default('auto'),
  events: EventPopulation.prefault({}),
  /** What is asked of the service while events arrive. */
  queries: z.array(z.strictObject({ name: QueryName, everyS: z.number().positive() })).default([]),
  slos: z.array(Slo).default([]),
  /** Interleaved repetitions over the targets. Ranking needs three. */
  rounds: z.int().positive().max(1_000).default(1),
  stop: z.enum(['at-first-broken-slo', 'at-end']).default('at-end'),
  /**
   * `auto`: where this disk's fsync is nearly free, every target that commits to PostgreSQL runs once more with an
   * emulated 1 ms, labelled; it doubles the length of a study of one round. `never`: it does not.
   */
  slowDisk: z.enum(['auto', 'never']).default('auto'),
  /** What goes wrong while it is measured: the run's report says how it recovered, and its audit what was lost. */
  faults: z.array(Fault).max(50).default([]),
  /** One labelled CHECKPOINT this far into the measured phase (0…1), besides the one at its start. */
  checkpointAtRatio: ratio.optional(),
})
export type Scenario = z.infer<typeof Scenario>
