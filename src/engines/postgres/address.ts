/**
 * How the user's own PostgreSQL is named: `postgres://user:password@host:5432/database?sslmode=verify-full`, with
 * libpq's own parameters. TLS is verified unless the DSN says sslmode=disable.
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
import type { PostgresAddress } from '../engine.ts'

const RULES = {
  protocols: ['postgres:', 'postgresql:'],
  example: 'postgres://user@host:5432/database',
}

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function parsePostgresAddress(source: AddressSource): PostgresAddress {
  const url = parseDsn(source, RULES)
  const password = passwordOf(source, url) ?? source.env['PGPASSWORD']
  return {
    host: hostOf(url),
    port: url.port === '' ? 5432 : Number(url.port),
    user: userOf(source, url) ?? source.env['PGUSER'] ?? 'postgres',
    database: pathOf(source, url) || 'postgres',
    ...(password === undefined ? {} : { password }),
    tls: tlsOf(source, url),
  }
}

export function postgresWarnings(address: PostgresAddress): readonly string[] {
  if (address.tls !== 'off' || isLoopback(address.host)) return []
  return [
    `the connection to PostgreSQL at ${address.host} is not encrypted: its DSN says sslmode=disable`,
  ]
}

function tlsOf(source: AddressSource, url: URL): PostgresAddress['tls'] {
  const mode = url.searchParams.get('sslmode') ?? 'verify-full'
  const files = {
    ca: url.searchParams.get('sslrootcert') ?? undefined,
    certificate: url.searchParams.get('sslcert') ?? undefined,
    key: url.searchParams.get('sslkey') ?? undefined,
  }
  switch (mode) {
    case 'disable':
      if (files.ca === undefined && files.certificate === undefined) return 'off'
      throw badAddress(
        source,
        'says sslmode=disable and names certificates',
        'leave out one of the two',
      )
    // libpq's require takes any certificate. Many providers write it into their DSNs; here it is verified all the same.
    case 'require':
    case 'verify-full':
      return verifiedTls(source, files)
    case 'verify-ca':
      return verifiedTls(source, files, false)
    default:
      throw badAddress(
        source,
        `asks for sslmode=${mode.slice(0, 20)}, which may end without TLS or without verifying it`,
        'leave it out (verify-full), or write sslmode=verify-ca or sslmode=disable',
      )
  }
}
