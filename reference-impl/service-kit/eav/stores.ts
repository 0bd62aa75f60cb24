/** Names of what eav keeps values in. */
import { replicaName } from '../postgres/routed-pools.ts'

export const PRIMARY_COPY = 'postgres'
export const SERIES_STORE = 'postgres.entity_values_ts'
/** No stores of their own: the projection is made anew by the audit and compared, the cache is not looked at. */
export const PROJECTION_SOURCE = 'postgres.entity_jsonb'
export const VIEW_SOURCE = 'postgres.entity_values_hourly'
export const CACHE_SOURCE = 'redis.entity_cache'

/** The same table on the replica at this place of the list. */
export function onReplica(name: string, index: number): string {
  return `${replicaName(index)}${name.slice(PRIMARY_COPY.length)}`
}
