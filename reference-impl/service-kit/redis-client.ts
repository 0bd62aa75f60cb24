/**
 * A Redis that a service can do without. In: its address. Out: a client whose commands fail at once while it is away, are never
 * sent twice, and find it again by themselves.
 */
import { Redis } from 'ioredis'
import type { RedisAddress } from '../../src/engines/redis/address.ts'
import { tlsClientOptions } from '../../src/kit/tls.ts'

export interface RedisClientOptions {
  /** As Redis lists it: `headroom eav`. */
  readonly name: string
  /** Longest a command may take. */
  readonly timeoutMs: number
  /** Between two attempts to find it again. */
  readonly retryMs: number
}

/** Not connected yet: `connect` rejects where it is away. */
export function redisClient(
  address: RedisAddress,
  { name, timeoutMs, retryMs }: RedisClientOptions,
): Redis {
  const redis = new Redis({
    host: address.host,
    port: address.port,
    db: address.database,
    ...(address.user === undefined ? {} : { username: address.user }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls === 'off' ? {} : { tls: tlsClientOptions(address.tls) }),
    commandTimeout: timeoutMs,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => retryMs,
    lazyConnect: true,
    connectionName: name,
  })
  // Each failed command is counted where it is asked; without a listener ioredis prints.
  redis.on('error', () => undefined)
  return redis
}
