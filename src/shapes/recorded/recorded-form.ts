/** What a shape says of a user's own records: how one is read, and how it is sent and copied. */
import type { Mapping } from './mapping.ts'
import type { RecordFields } from './record-fields.ts'

/** What the stream itself needs of a record, whatever else the shape keeps of it. */
export interface RecordedIdentity {
  /** Lower-case UUID. */
  readonly source: string
  readonly id: string
  /** Whole epoch milliseconds. */
  readonly timeMs: number
  /** 0 where the file has none. */
  readonly value: number
}

export interface RecordedForm<Event extends RecordedIdentity = RecordedIdentity> {
  /** @throws MalformedRecord for the first field that cannot be used */
  read(fields: RecordFields, mapping: Mapping): Event
  jsonText(event: Event): string
  copyRowText(event: Event): string
}
