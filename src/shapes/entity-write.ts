/** One event as the latest value of something that can be asked for by name: an attribute of an entity of a source. */
export interface EntityWrite {
  readonly source: string
  readonly entity: string
  readonly attribute: string
  readonly value: string | number
  readonly writtenMs: number
  readonly id: string
}

/** Whether `later` is shown rather than `earlier` of the same attribute: by its own time, then by its id. */
export function supersedes(later: EntityWrite, earlier: EntityWrite): boolean {
  if (later.writtenMs !== earlier.writtenMs) return later.writtenMs > earlier.writtenMs
  return Buffer.compare(Buffer.from(later.id), Buffer.from(earlier.id)) > 0
}
