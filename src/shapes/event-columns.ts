/** The columns of a table of events that the harness itself reads and fills; an event's JSON has the same names. */
export interface EventColumns {
  /** The pair that identifies an event, and its number. */
  readonly source: string
  readonly id: string
  readonly value: string
  /** What bulk load fills, in the order of `EventStream.writeCopyRow`. */
  readonly copy: readonly string[]
}
