/** Names of what eav keeps values in. */
export const SERIES_STORE = 'postgres.entity_values_ts'
/** Where answers come from that are no store of their own: nothing is audited by id there. */
export const PROJECTION_SOURCE = 'postgres.entity_jsonb'
export const CACHE_SOURCE = 'redis.entity_cache'
