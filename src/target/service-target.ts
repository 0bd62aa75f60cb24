/**
 * A service of the user's own, as data: where it answers, what is sent to it, what its answers mean, what its 2xx
 * promises, and how Headroom learns what it has stored. In texts `${…}` stands for a field of the event.
 */
import { z } from 'zod'
import { STORING_KINDS } from '../engines/kinds.ts'
import { QueryName } from '../scenario/scenario.ts'

/** An HTTP status, or a class of them: `2xx`. */
const Status = z.union([
  z.int().min(100).max(599),
  z.string().regex(/^[1-5]xx$/, 'a status such as 202, or a class such as 2xx'),
])
const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1)])
const Scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])

/** When an answer is of a kind: its status is listed, and every named field of its JSON body has one of the values. */
const AnswerRule = z.strictObject({
  status: oneOrMore(Status).optional(),
  /** Dotted path into the body → the value, or the values, that fit. */
  body: z.record(z.string().min(1), oneOrMore(Scalar)).optional(),
})

/** One entry per event of a batch, in the order they were sent. */
const ItemRules = z.strictObject({
  /** Dotted path of the array in the body; empty where the body is the array. */
  at: z.string(),
  /** Dotted path into an entry; empty where the entries are the values. */
  field: z.string().default(''),
  accepted: oneOrMore(Scalar),
  duplicate: oneOrMore(Scalar).optional(),
  rejected: oneOrMore(Scalar).optional(),
})

export const AnswerRules = z.strictObject({
  accepted: AnswerRule.default({ status: '2xx' }),
  duplicate: AnswerRule.default({ status: 409 }),
  /** An answer that is none of the others and is no 2xx or 5xx counts as rejected too. */
  rejected: AnswerRule.default({ status: [400, 413, 415, 422] }),
  shed: AnswerRule.default({ status: [429, 503] }),
  items: ItemRules.optional(),
})
export type AnswerRules = z.infer<typeof AnswerRules>

const HeaderName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'a header name has no blanks')
const Headers = z.record(HeaderName, z.string().regex(/^[^\r\n\0]*$/, 'one line'))

const RequestTemplate = z.strictObject({
  method: z.enum(['POST', 'PUT', 'PATCH']).default('POST'),
  /** Behind the address; may hold `${…}` where one request carries one event. */
  path: z.string().startsWith('/'),
  headers: Headers.default({}),
  body: z.strictObject({
    /** What one event becomes: any JSON, or a line of text. A text that is nothing but `${value}` keeps the type. */
    event: z.json(),
    /** How several events share one request; `one` wants a scenario with batchEvents: 1. */
    batch: z.enum(['one', 'array', 'lines']).default('one'),
    /** What stands around an array: JSON in which `"${events}"` is replaced by it. */
    around: z.json().optional(),
  }),
})

const Reads = z.strictObject({
  by: z.literal('reads'),
  path: z.string().startsWith('/').default('/v1/events/${organization_id}/${transaction_id}'),
  found: AnswerRule.default({ status: 200 }),
  missing: AnswerRule.default({ status: 404 }),
  /** Dotted path of the event's value in the answer; `none`: it is not in there, and values are not compared. */
  value: z.string().min(1).default('event.value'),
  /** `all`, or at most so many events, drawn at random: 300 found and none missing leave at most 1 % missing. */
  events: z.union([z.literal('all'), z.int().min(300)]).default('all'),
  /** Asking ends after this long; what was asked by then was drawn at random. Less than 300 or all prove nothing. */
  withinS: z.number().positive().max(86_400).default(600),
  concurrency: z.int().positive().max(1_000).default(16),
  /** How long an acknowledged event may take to become readable after the last answer. */
  settleS: z.number().min(0).max(3_600).default(10),
})

const Statement = z.strictObject({
  by: z.literal('sql'),
  engine: z.enum(STORING_KINDS),
  /**
   * Yields one row per stored event, with the columns transaction_id, organization_id and value (the last two only where
   * they are stored). `${started_at}` is the run's start as an SQL text, `${run}` the mark in the run's identifiers.
   */
  statement: z.string().min(1),
  settleS: z.number().min(0).max(3_600).default(10),
})

const NoAudit = z.strictObject({ by: z.literal('none') })

const ServicePromises = z.strictObject({
  /** What a 2xx means, in a sentence for the report. */
  ack: z.string().default('the service says that it has the event'),
  survives: z.enum(['nothing', 'process-kill', 'power-loss', 'node-loss']).default('process-kill'),
  delivery: z.enum(['at-most-once', 'at-least-once', 'exactly-once']).default('at-least-once'),
  readAfterAck: z.enum(['at-once', 'eventually']).default('eventually'),
  duplicates: z.enum(['one-row', 'one-readable', 'kept']).default('one-row'),
  /** Set where the file says nothing under promises: all of this is then an assumption, and reports say so. */
  assumed: z.literal(true).optional(),
})

/** So that CPU and memory of the service can be sampled. Without it those panels say that they see nothing. */
const ServiceProcess = z.union([
  z.strictObject({
    /** Started before the run and ended with it; visible to every user of the machine, so never a secret. */
    command: z.array(z.string().min(1)).min(1),
    /** Relative to the target file. */
    cwd: z.string().min(1).default('.'),
    /** Values may be `${env.NAME}`. */
    env: z.record(z.string(), z.string()).default({}),
    /** A GET that answers 2xx when the service is ready; absent: it is ready when it takes connections. */
    readyPath: z.string().startsWith('/').optional(),
    readyWithinS: z.number().positive().max(600).default(30),
  }),
  z.strictObject({ pid: z.int().positive() }),
  z.strictObject({ pidFile: z.string().min(1) }),
])

const ProbedEngine = z.strictObject({
  kind: z.enum(STORING_KINDS),
  /** Tables whose rows and bytes are watched; all of them together should hold what the service stores. */
  tables: z.array(z.string().min(1)).default([]),
  /** Whether Headroom may run CHECKPOINT at the known moments of a run; without it nothing but reads is done. */
  checkpoint: z.boolean().default(false),
})
export type ProbedEngine = z.infer<typeof ProbedEngine>

export const ServiceTarget = z.strictObject({
  kind: z.literal('service'),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  description: z.string().default(''),
  /** Base address. https is verified against the system's certificates, or those of `ca`. */
  url: z.url({ protocol: /^https?$/, error: 'an address such as http://127.0.0.1:8080' }),
  /** PEM file of the authority that signed the service's certificate; relative to the target file. */
  ca: z.string().min(1).optional(),
  /** Sent with everything: events, reads, queries. Values may be `${env.NAME}`, which keeps secrets out of the file. */
  headers: Headers.default({}),
  /** Absent: the service speaks Headroom's HTTP contract, `POST /v1/events`. */
  request: RequestTemplate.optional(),
  /** Absent: as the contract has it, or, with a `request`, 2xx is accepted and 429 and 503 are shed. */
  answers: AnswerRules.optional(),
  promises: ServicePromises.prefault({ assumed: true }),
  audit: z.discriminatedUnion('by', [Reads, Statement, NoAudit]),
  /** Analytical queries of the contract that it answers at `/v1/queries/{name}`; the scenario's others are not asked. */
  queries: z.array(QueryName).default([]),
  /** Servers the service writes to, by a name of their own; probed with reads only. */
  engines: z.record(z.string(), ProbedEngine).default({}),
  process: ServiceProcess.optional(),
})
export type ServiceTarget = z.infer<typeof ServiceTarget>
