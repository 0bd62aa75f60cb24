/**
 * The user's own events as a stream. In: NDJSON or CSV and a mapping. Out: event i in order of recorded time, written
 * in Headroom's schema. The file is indexed in one pass and read again as it is replayed; nothing of it is kept.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { assert, HeadroomError, type Problem } from '../../kit/errors.ts'
import { nearest } from '../../kit/nearest.ts'
import type { RecordedStream, RecordedStreamSpec } from '../stream.ts'
import { parseCsvRecord } from './csv-record.ts'
import { hashIdentity, RECORDED_EVENTS_MAX, RecordedIndex } from './file-index.ts'
import { mappedNames } from './mapping.ts'
import { rawRecords, RECORD_BYTES_MAX, type RawRecord } from './raw-records.ts'
import { csvFields, MalformedRecord, ndjsonFields, type RecordFields } from './record-fields.ts'
import type { RecordedForm, RecordedIdentity } from './recorded-form.ts'

const PROBLEMS_LISTED_MAX = 20
/** Read at a time where the record is not longer: few bytes are in vain even when records are read at random. */
const READ_BYTES = 128 * 1024
const BYTE_ORDER_MARK = '\ufeff'

/**
 * Values need not be multiples of 1/64 here: the audit compares them as doubles by id; `value64Of` is rounded, the same
 * way for what was sent and what is stored.
 * @throws HeadroomError FILE_NOT_FOUND; BAD_INPUT with the first 20 malformed lines
 */
export async function openRecordedAs<Event extends RecordedIdentity>(
  form: RecordedForm<Event>,
  spec: RecordedStreamSpec,
): Promise<RecordedStream> {
  await mustExist(spec.file)
  const reader = new RecordReader(spec, form)
  const index = new RecordedIndex()
  let longestBytes = 0
  for await (const records of rawRecords(spec.file, spec.format)) {
    for (const record of records) {
      const event = reader.read(record)
      if (event === null) continue
      if (index.count === RECORDED_EVENTS_MAX) throw tooMany(spec.file)
      const written = Math.max(
        Buffer.byteLength(form.jsonText(event)),
        Buffer.byteLength(form.copyRowText(event)),
      )
      longestBytes = Math.max(longestBytes, written)
      index.add({
        offset: record.offset,
        bytes: record.bytes?.length ?? 0,
        timeMs: event.timeMs,
        identity: hashIdentity(event.source, event.id),
        value: event.value,
      })
    }
  }
  reader.finish(index.count)
  index.seal()
  return new FileStream(reader, index, longestBytes)
}

async function mustExist(file: string): Promise<void> {
  const found = await stat(file).catch(() => null)
  if (found?.isFile() === true) return
  throw new HeadroomError('FILE_NOT_FOUND', `no recorded events at ${file}`, {
    hint: 'rate.file is read relative to the scenario file',
  })
}

function tooMany(file: string): HeadroomError {
  const limit = RECORDED_EVENTS_MAX.toLocaleString('en')
  return new HeadroomError('BAD_INPUT', `${file} holds more than ${limit} events`, {
    hint: 'replay a part of it: split the file and run the parts one after the other',
  })
}

/** Reads records one after the other and collects what is wrong with them. */
class RecordReader<Event extends RecordedIdentity> {
  readonly spec: RecordedStreamSpec
  readonly form: RecordedForm<Event>
  readonly #problems: Problem[] = []
  #malformed = 0
  #columns: ReadonlyMap<string, number> | null = null

  constructor(spec: RecordedStreamSpec, form: RecordedForm<Event>) {
    this.spec = spec
    this.form = form
  }

  /** null: the header, or a malformed record, which has been noted. */
  read(record: RawRecord): Event | null {
    if (record.bytes === null) {
      const limit = String(RECORD_BYTES_MAX)
      return this.#note(record.line, '', `longer than ${limit} bytes; is a quote left open?`)
    }
    if (record.unclosedQuote) return this.#note(record.line, '', 'a quoted field is not closed')
    const text = record.bytes.toString('utf8')
    if (this.spec.format === 'csv' && this.#columns === null) {
      this.#readHeader(text)
      return null
    }
    try {
      return this.eventOf(text)
    } catch (error) {
      if (!(error instanceof MalformedRecord)) throw error
      return this.#note(record.line, error.path, error.message)
    }
  }

  /** @throws MalformedRecord */
  eventOf(text: string): Event {
    const bare = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
    const fields: RecordFields =
      this.#columns === null ? ndjsonFields(bare) : csvFields(bare, this.#columns)
    return this.form.read(fields, this.spec.mapping)
  }

  finish(events: number): void {
    const { file } = this.spec
    if (this.#malformed > 0) {
      const count = String(this.#malformed)
      const more = this.#malformed > PROBLEMS_LISTED_MAX ? '; the first 20 are listed' : ''
      const message = `${file}: ${count} malformed ${this.#malformed === 1 ? 'record' : 'records'}${more}`
      throw new HeadroomError('BAD_INPUT', message, {
        hint: 'mend or remove these lines, or change the mapping under rate.mapping',
        problems: this.#problems,
      })
    }
    if (events === 0) throw new HeadroomError('BAD_INPUT', `${file} holds no events`)
  }

  #readHeader(text: string): void {
    const bare = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
    const parsed = parseCsvRecord(bare)
    const names = parsed.state === 'fields' ? parsed.fields : []
    if (parsed.state === 'malformed') this.#note(1, '', parsed.because)
    this.#columns = new Map(names.map((name, column) => [name.trim(), column]))
    if (this.#columns.size !== names.length) this.#note(1, '', 'two columns have one name')
    const { mapping } = this.spec
    for (const name of Object.keys(mapping).flatMap((field) => mappedNames(mapping, field))) {
      if (this.#columns.has(name)) continue
      const close = nearest(name, [...this.#columns.keys()])
      const hint = close === null ? '' : `; did you mean ${close}?`
      this.#note(1, name, `the header has no such column${hint}`)
    }
    if (this.#malformed > 0) this.finish(0)
  }

  #note(line: number, path: string, message: string): null {
    this.#malformed++
    if (this.#problems.length < PROBLEMS_LISTED_MAX) {
      const remedy = path === '' ? 'mend or remove the line' : 'mend the field or map another one'
      this.#problems.push({ file: this.spec.file, line, path, message, remedy })
    }
    return null
  }
}

class FileStream<Event extends RecordedIdentity> implements RecordedStream {
  readonly eventCount: number
  readonly maxEventBytes: number
  readonly recordedTimesMs: Float64Array
  readonly repeatedEvents: number
  readonly #reader: RecordReader<Event>
  readonly #index: RecordedIndex
  readonly #descriptor: number
  readonly #window = Buffer.allocUnsafeSlow(RECORD_BYTES_MAX)
  #windowAt = 0
  #windowBytes = 0
  #lastIndex = -1
  #lastEvent: Event | null = null

  constructor(reader: RecordReader<Event>, index: RecordedIndex, longestBytes: number) {
    this.#reader = reader
    this.#index = index
    this.eventCount = index.count
    this.maxEventBytes = longestBytes
    this.recordedTimesMs = index.timesMs
    let repeated = 0
    for (let at = 0; at < index.count; at++) {
      if (index.find(index.identityOf(at)) !== at) repeated++
    }
    this.repeatedEvents = repeated
    this.#descriptor = openSync(reader.spec.file, 'r')
  }

  writeJson(index: number, target: Buffer, offset: number): number {
    return offset + target.write(this.#reader.form.jsonText(this.#eventAt(index)), offset, 'utf8')
  }

  writeCopyRow(index: number, target: Buffer, offset: number): number {
    return (
      offset + target.write(this.#reader.form.copyRowText(this.#eventAt(index)), offset, 'utf8')
    )
  }

  canonicalOf(index: number): number {
    assert(index < this.eventCount, `the file has an event ${String(index)}`)
    return this.#index.find(this.#index.identityOf(index)) ?? index
  }

  sourceOf(index: number): string {
    return this.#eventAt(index).source
  }

  idOf(index: number): string {
    return this.#eventAt(index).id
  }

  indexOf(source: string | null, id: string): number | null {
    // The table knows pairs only.
    if (source === null) return null
    return this.#index.find(hashIdentity(source, id))
  }

  valueAt(index: number): number {
    return this.#index.valueAt(this.canonicalOf(index))
  }

  value64Of(index: number): number {
    return Math.round(this.valueAt(index) * 64)
  }

  timeMsOf(index: number): number {
    return this.recordedTimesMs[this.canonicalOf(index)] ?? 0
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }

  #eventAt(index: number): Event {
    const canonical = this.canonicalOf(index)
    if (canonical === this.#lastIndex && this.#lastEvent !== null) return this.#lastEvent
    const event = this.#reader.eventOf(this.#textAt(canonical))
    this.#lastIndex = canonical
    this.#lastEvent = event
    return event
  }

  /** Replay walks the file nearly in order, so one window of it serves thousands of events. */
  #textAt(index: number): string {
    const offset = this.#index.offsetOf(index)
    const bytes = this.#index.bytesOf(index)
    const inside = offset >= this.#windowAt && offset + bytes <= this.#windowAt + this.#windowBytes
    if (!inside) {
      const length = Math.max(bytes, READ_BYTES)
      this.#windowAt = offset
      this.#windowBytes = readSync(this.#descriptor, this.#window, 0, length, offset)
    }
    if (this.#windowBytes < bytes) {
      throw new HeadroomError(
        'BAD_INPUT',
        `${this.#reader.spec.file} changed while it was replayed`,
      )
    }
    const at = offset - this.#windowAt
    return this.#window.toString('utf8', at, at + bytes)
  }
}
