/** How the read of one entity is listed among the queries of a scenario, which are analytical otherwise. */
export const ENTITY_QUERY = 'entity'

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
