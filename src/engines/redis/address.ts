/**
 * How the user's own Redis is named: `rediss://user:password@host:6379/0`. `redis://` asks for a plain connection by
 * name, as Redis has it.
 */
import type { VerifiedTls } from '../../kit/tls.ts'
import type { AddressSource } from '../dsn.ts'
import {
  badAddress,
  hostOf,
  isLoopback,
  parseDsn,
  passwordOf,
  pathOf,
  userOf,
  verifiedTls,
} from '../dsn.ts'

export interface RedisAddress {
  readonly host: string
  readonly port: number
  /** Number of the logical database. */
  readonly database: number
  /** An ACL user; absent: the default one. */
  readonly user?: string
  readonly password?: string
  /** What every key of a run begins with, on a server that others use too; absent: nothing. */
  readonly keyPrefix?: string
  readonly tls: 'off' | VerifiedTls
}

const RULES = { protocols: ['redis:', 'rediss:'], example: 'rediss://user@host:6379/0' }

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function parseRedisAddress(source: AddressSource): RedisAddress {
  const url = parseDsn(source, RULES)
  const secure = url.protocol === 'rediss:'
  const ca = url.searchParams.get('ca') ?? undefined
  if (!secure && ca !== undefined) {
    throw badAddress(source, 'names a CA and asks for a plain connection', 'write rediss://')
  }
  const user = userOf(source, url)
  const password = passwordOf(source, url)
  return {
    host: hostOf(url),
    port: url.port === '' ? 6379 : Number(url.port),
    database: databaseOf(source, pathOf(source, url)),
    ...(user === null ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    tls: secure ? verifiedTls(source, { ca }) : 'off',
  }
}

export function redisWarnings({ host, tls, password }: RedisAddress): readonly string[] {
  if (tls !== 'off' || isLoopback(host)) return []
  const what = password === undefined ? 'what is sent' : 'the password'
  return [`the connection to Redis at ${host} is not encrypted: ${what} can be read`]
}

function databaseOf(source: AddressSource, text: string): number {
  if (text === '') return 0
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw badAddress(source, 'names a database that is no number', `write it like ${RULES.example}`)
}
