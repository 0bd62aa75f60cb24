/**
 * Billing events as rows for SQL. In: an experiment's population and seed. Out: the next rows as COPY text or as columns
 * of parameters; the same experiment gives the same rows.
 */
import { quoteName } from '../../engines/postgres/quote-name.ts'
import { shapes } from '../../shapes/registry.ts'
import type { EventStream } from '../../shapes/stream.ts'
import type { Experiment } from '../../scenario/experiment.ts'

/** Of a table of billing events, in the order of COPY. */
export const billingColumns = shapes.billing.columns.copy.map(quoteName).join(', ')

/** A fixed moment: the rows of an experiment are the same on every day. */
const EPOCH_MS = Date.UTC(2026, 0, 1)
const CHUNK_BYTES = 256 * 1024

export type Column = (string | null)[]

export class BillingRows {
  readonly #stream: EventStream
  readonly #row: Buffer
  #next = 0

  constructor({ seed, events, spacingMs }: Experiment) {
    this.#stream = shapes.billing.generate(
      { source: 'generated', shape: 'billing', seed, events },
      (index) => EPOCH_MS + index * spacingMs,
    )
    this.#row = Buffer.allocUnsafe(this.#stream.maxEventBytes)
  }

  /** COPY text of the next rows, in chunks of their own memory. */
  *copyText(rows: number): Generator<Buffer> {
    const end = this.#next + rows
    while (this.#next < end) {
      const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES + this.#stream.maxEventBytes)
      let offset = 0
      while (this.#next < end && offset < CHUNK_BYTES) {
        offset = this.#stream.writeCopyRow(this.#next, chunk, offset)
        this.#next += 1
      }
      yield chunk.subarray(0, offset)
    }
  }

  /** One array per column of COPY. */
  columns(rows: number): readonly Column[] {
    const columns = shapes.billing.columns.copy.map((): Column => [])
    for (let row = 0; row < rows; row++) {
      const end = this.#stream.writeCopyRow(this.#next, this.#row, 0)
      this.#next += 1
      const fields = this.#row.toString('utf8', 0, end - 1).split('\t')
      columns.forEach((column, index) => column.push(valueOf(fields[index] ?? '\\N')))
    }
    return columns
  }
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', b: '\b', f: '\f' }

function valueOf(field: string): string | null {
  if (field === '\\N') return null
  if (!field.includes('\\')) return field
  return field.replaceAll(/\\(.)/g, (_, escaped: string) => ESCAPES[escaped] ?? escaped)
}
