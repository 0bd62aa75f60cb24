/**
 * How the user's own ClickHouse is named: `https://user:password@host:8443/database`. `http://` asks for a plain
 * connection by name; `clickhouse://` means TLS unless it says `?secure=false`.
 */
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
import type { ClickHouseAddress } from '../engine.ts'

const RULES = {
  protocols: ['http:', 'https:', 'clickhouse:'],
  example: 'https://user@host:8443/database',
}

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function parseClickHouseAddress(source: AddressSource): ClickHouseAddress {
  const url = parseDsn(source, RULES)
  const secure = isSecure(source, url)
  const port = url.port === '' ? (secure ? '8443' : '8123') : url.port
  const password = passwordOf(source, url)
  const ca = url.searchParams.get('ca') ?? undefined
  if (!secure && ca !== undefined) {
    throw badAddress(source, 'names a CA and asks for a plain connection', 'write https://')
  }
  return {
    url: `${secure ? 'https' : 'http'}://${url.hostname}:${port}`,
    database: pathOf(source, url) || 'default',
    user: userOf(source, url) ?? 'default',
    ...(password === undefined ? {} : { password }),
    ...(secure ? { tls: verifiedTls(source, { ca }) } : {}),
  }
}

export function clickHouseWarnings(address: ClickHouseAddress): readonly string[] {
  const url = new URL(address.url)
  if (url.protocol === 'https:' || isLoopback(hostOf(url))) return []
  const what = address.password === undefined ? 'what is sent' : 'the password'
  return [`the connection to ClickHouse at ${url.host} is not encrypted: ${what} can be read`]
}

function isSecure(source: AddressSource, url: URL): boolean {
  if (url.protocol !== 'clickhouse:') return url.protocol === 'https:'
  const secure = url.searchParams.get('secure') ?? 'true'
  if (['true', '1'].includes(secure)) return true
  if (['false', '0'].includes(secure)) return false
  throw badAddress(source, 'says neither secure=true nor secure=false', 'write one of the two')
}
