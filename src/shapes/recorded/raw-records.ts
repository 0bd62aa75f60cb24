/** A file in, its records out with their place: NDJSON lines, or CSV records whose quoted fields may span lines. */
import { createReadStream } from 'node:fs'

/** A longer record is malformed; so is whatever an unclosed quote swallows. */
export const RECORD_BYTES_MAX = 1024 * 1024
const READ_BYTES = 1024 * 1024
const NEWLINE = 0x0a
const RETURN = 0x0d
const QUOTE = 0x22

export interface RawRecord {
  /** Without its line ending; null when it is longer than RECORD_BYTES_MAX. */
  readonly bytes: Buffer | null
  /** Bytes from the start of the file. */
  readonly offset: number
  /** 1-based line on which the record starts. */
  readonly line: number
  /** The file ended inside a quoted field. */
  readonly unclosedQuote: boolean
}

/** Yields the records of one read at a time; blank lines are left out. Memory: two reads and one record. */
export async function* rawRecords(
  file: string,
  format: 'ndjson' | 'csv',
): AsyncGenerator<readonly RawRecord[]> {
  const splitter = new RecordSplitter(format === 'csv')
  const chunks = createReadStream(file, { highWaterMark: READ_BYTES })
  for await (const chunk of chunks as AsyncIterable<Buffer>) yield splitter.take(chunk)
  yield splitter.end()
}

class RecordSplitter {
  readonly #quotes: boolean
  #inQuotes = false
  #rest: Buffer = Buffer.alloc(0)
  /** The open record has outgrown the limit; its bytes are no longer kept. */
  #overlong = false
  #recordOffset = 0
  #recordLine = 1
  #line = 1
  #readBytes = 0

  constructor(quotes: boolean) {
    this.#quotes = quotes
  }

  take(chunk: Buffer): RawRecord[] {
    const records: RawRecord[] = []
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === QUOTE && this.#quotes) this.#inQuotes = !this.#inQuotes
      if (byte !== NEWLINE) continue
      this.#line++
      if (this.#inQuotes && !this.#overlong) continue
      this.#close(records, chunk.subarray(from, at))
      from = at + 1
      this.#recordOffset = this.#readBytes + from
      this.#recordLine = this.#line
    }
    this.#keep(chunk.subarray(from))
    this.#readBytes += chunk.length
    return records
  }

  end(): RawRecord[] {
    const records: RawRecord[] = []
    this.#close(records, Buffer.alloc(0))
    return records
  }

  #keep(tail: Buffer): void {
    if (this.#overlong) return
    this.#rest = this.#rest.length === 0 ? Buffer.from(tail) : Buffer.concat([this.#rest, tail])
    if (this.#rest.length <= RECORD_BYTES_MAX) return
    this.#overlong = true
    this.#rest = Buffer.alloc(0)
  }

  #close(records: RawRecord[], tail: Buffer): void {
    const whole = this.#rest.length === 0 ? Buffer.from(tail) : Buffer.concat([this.#rest, tail])
    const end = whole[whole.length - 1] === RETURN ? whole.length - 1 : whole.length
    const tooLong = this.#overlong || end > RECORD_BYTES_MAX
    if (end > 0 || tooLong) {
      records.push({
        bytes: tooLong ? null : whole.subarray(0, end),
        offset: this.#recordOffset,
        line: this.#recordLine,
        unclosedQuote: this.#inQuotes,
      })
    }
    this.#rest = Buffer.alloc(0)
    this.#overlong = false
    this.#inQuotes = false
  }
}
