/**
 * The user's own Redis: how it is named, looked at and cleaned up. What a run makes there are keys below a prefix of its own.
 */
import type { OwnServer } from '../own-server.ts'
import type { RedisAddress } from './address.ts'
import { parseRedisAddress, redisWarnings } from './address.ts'
import { sayRedis } from './connection.ts'
import { inspectRedis } from './inspection.ts'
import { dropKeys } from './own-keys.ts'

export const ownRedis: OwnServer<RedisAddress> = {
  parse: parseRedisAddress,
  secretsOf: ({ password, tls }) => [
    ...(password === undefined ? [] : [password]),
    ...(tls === 'off' || tls.client === null ? [] : [tls.client.key]),
  ],
  say: sayRedis,
  warningsOf: redisWarnings,
  inspect: inspectRedis,
  dropLeftover: dropKeys,
}
