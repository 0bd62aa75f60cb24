/**
 * The harness's own connection to Redis. In: an address. Out: a connected client, or an error that says in the user's
 * words what is wrong. The password is in no message.
 */
import type { Redis } from 'ioredis'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { tlsClientOptions, tlsFailureOf } from '../../kit/tls.ts'
import type { TlsWords } from '../../kit/tls.ts'
import type { RedisAddress } from './address.ts'

const CONNECT_TIMEOUT_MS = 5_000

const WORDS: TlsWords = {
  nameCa: 'ca: in engines.yaml, or …?ca=/path/ca.pem in the DSN',
  nameClient: 'clientCertificate and clientKey in engines.yaml',
  askForPlain: 'redis:// instead of rediss://',
}

/** `user@host:port/0`. */
export function sayRedis({ host, port, database, user }: RedisAddress): string {
  return `${user ?? 'default'}@${host}:${String(port)}/${String(database)}`
}

/**
 * Runs `use` on a connection of its own, which an abort cuts.
 * @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED within seconds
 */
export async function withRedis<T>(
  address: RedisAddress,
  signal: AbortSignal,
  use: (redis: Redis) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const { redis, said } = await client(address)
  const cut = (): void => {
    redis.disconnect()
  }
  signal.addEventListener('abort', cut, { once: true })
  try {
    await redis.connect()
    await redis.ping()
    return await use(redis)
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof HeadroomError ? error : redisError(said[0] ?? error, address)
  } finally {
    signal.removeEventListener('abort', cut)
    redis.disconnect()
  }
}

/** A connection that the caller closes. @throws HeadroomError as `withRedis` does */
export async function openRedis(address: RedisAddress): Promise<Redis> {
  const { redis, said } = await client(address)
  try {
    await redis.connect()
    return redis
  } catch (error) {
    redis.disconnect()
    throw redisError(said[0] ?? error, address)
  }
}

/** @returns `said`: what it told between a question and its answer; the first is the most telling */
async function client(
  address: RedisAddress,
): Promise<{ readonly redis: Redis; readonly said: readonly Error[] }> {
  // Loaded when a Redis is named.
  const { Redis: Client } = await import('ioredis')
  const redis = new Client({
    host: address.host,
    port: address.port,
    db: address.database,
    ...(address.user === undefined ? {} : { username: address.user }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls === 'off' ? {} : { tls: tlsClientOptions(address.tls) }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
    lazyConnect: true,
    // INFO may be more than this user is allowed.
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectionName: 'headroom-harness',
  })
  const said: Error[] = []
  redis.on('error', (error: Error) => said.push(error))
  return { redis, said }
}

/** An answer of Redis that says the ACL does not allow it. */
export function isNoPermission(error: unknown): boolean {
  return messageOf(error).startsWith('NOPERM')
}

function redisError(error: unknown, address: RedisAddress): HeadroomError {
  const where = `Redis at ${sayRedis(address)}`
  const said = messageOf(error)
  if (/^(WRONGPASS|NOAUTH|ERR AUTH|ERR invalid password)/.test(said)) {
    return new HeadroomError('ENGINE_AUTH_FAILED', `${where} refuses this user and password`, {
      hint: `check user and password of the DSN; the server says: ${said}`,
    })
  }
  if (isNoPermission(error)) {
    return new HeadroomError('ENGINE_RIGHTS_MISSING', `${where} does not let this user ask`, {
      hint: `ACL SETUSER … +ping; the server says: ${said}`,
    })
  }
  const failed = (message: string, hint: string): HeadroomError =>
    new HeadroomError('ENGINE_TLS_FAILED', `${where} ${message}`, { hint, cause: error })
  if (address.tls !== 'off') {
    const failure = tlsFailureOf(error, address.tls, WORDS)
    if (failure !== null) return failed(failure.message, failure.remedy)
  } else if (/ECONNRESET|Connection is closed|Protocol error/.test(said)) {
    return failed(
      'closed a plain connection without an answer',
      'is this its TLS port? Then write rediss:// instead of redis://',
    )
  }
  return new HeadroomError('ENGINE_UNREACHABLE', `${where} cannot be reached: ${said}`, {
    hint: 'is it running, and do host, port and TLS match? rediss://user:password@host:port/0',
    cause: error,
  })
}
