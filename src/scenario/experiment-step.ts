/** One step of an experiment's arm, and the figures it leaves. In: part of a parsed YAML document. Out: a `Step`. */
import { z } from 'zod'

/** A number, or `$name` of the scale's or the arm's values. */
const Amount = z.union([
  z.number().positive(),
  z.string().regex(/^\$[a-z][A-Za-z0-9]*$/, 'a number, or $ and the name of a value'),
])
export type Amount = z.infer<typeof Amount>

/** Without a name a step is done and not measured. */
const name = z
  .string()
  .regex(/^[a-z][A-Za-z0-9]*$/, 'letters and digits, a lower-case letter first')
  .optional()
const named = name.unwrap()

/** `${name}` in SQL is put in as the value's digits. */
const Sql = z.string().min(1)

const Copy = z.strictObject({
  do: z.literal('copy'),
  name,
  /** A table with the columns of billing events. */
  into: Sql,
  rows: Amount,
  /** Statements the rows come in: the rates of the first and of the last are figures of their own. */
  chunks: Amount.default(1),
})

const Statement = z.strictObject({ do: z.literal('sql'), name, sql: Sql, rows: Amount.optional() })

const Clients = z.strictObject({
  do: z.literal('clients'),
  name,
  clients: Amount,
  /** Closed loop for so long, or so many calls of each client. */
  seconds: Amount.optional(),
  calls: Amount.optional(),
  /** Billing rows into a table with their columns, … */
  insert: z
    .strictObject({ into: Sql, batch: Amount, onConflict: z.literal('nothing').optional() })
    .optional(),
  /** … or this text, as one simple query. */
  sql: Sql.optional(),
  /** Rows, or transactions, of one call of `sql`. */
  perCall: Amount.default(1),
})

/** Where it is asked; a replica first shows all that was committed. */
const on = z.enum(['primary', 'replica']).default('primary')

const Sizes = z.strictObject({ do: z.literal('sizes'), name: named, of: Sql })

const Query = z.strictObject({
  do: z.literal('query'),
  name: named,
  on,
  /** One row. Columns of numbers are figures, columns of text are told beside them. */
  sql: Sql,
  gives: z.array(named).min(1),
})

const Explain = z.strictObject({
  do: z.literal('explain'),
  name: named,
  sql: Sql,
  /** Whether it is really run: pages and times then are figures. */
  analyze: z.boolean().default(true),
  /** Planned so often; the median counts. */
  times: Amount.default(1),
  /** The index whose use is looked for; of a partitioned one, its partitions' names begin so. */
  index: Sql.optional(),
})

const Refused = z.strictObject({ do: z.literal('refused'), name: named, on, sql: Sql })

/** kill -9 of the whole server, and a start on the same data. */
const Crash = z.strictObject({ do: z.literal('crash'), name })

/** One client inserts and is acknowledged, until the server is killed; then what is left is compared. */
const Loss = z.strictObject({ do: z.literal('loss'), name: named, seconds: Amount })

const Wait = z.strictObject({
  do: z.literal('wait'),
  name: named,
  /** One boolean. */
  until: Sql,
  timeoutS: Amount,
})

const Checkpoint = z.strictObject({ do: z.literal('checkpoint') })

export const Step = z.discriminatedUnion('do', [
  Statement,
  Copy,
  Clients,
  Sizes,
  Query,
  Explain,
  Refused,
  Checkpoint,
  Crash,
  Loss,
  Wait,
])
export type Step = z.infer<typeof Step>
export type StepOf<Kind extends Step['do']> = Extract<Step, { readonly do: Kind }>

const LOAD = [
  ...['s', 'rows', 'rowsPerS', 'walBytes', 'walBytesPerRow', 'fpiBytes', 'fpiBytesPerRow'],
  ...['clientCores', 'clientBusy'],
]

const FIGURES: Readonly<Record<Exclude<Step['do'], 'query'>, readonly string[]>> = {
  sql: LOAD,
  copy: [...LOAD, 'firstRowsPerS', 'lastRowsPerS'],
  clients: [...LOAD, 'calls', 'callsPerS', 'p50Us', 'p99Us'],
  sizes: [
    ...['rows', 'heapBytes', 'indexBytes', 'totalBytes', 'heapBytesPerRow'],
    'indexBytesPerRow',
  ],
  explain: [
    ...['planningMs', 'executionMs', 'heapPages', 'pagesRead', 'rowsRead', 'relations'],
    'usesIndex',
  ],
  refused: ['refused'],
  crash: ['recoveryS'],
  loss: ['ackedRows', 'lostRows', 'lostMs'],
  wait: ['s', 'held'],
  checkpoint: [],
}

/** Names of the figures that a step leaves under its own name; none where it has no name. */
export function figuresOfStep(step: Step): readonly string[] {
  return step.do === 'query' ? step.gives : FIGURES[step.do]
}
