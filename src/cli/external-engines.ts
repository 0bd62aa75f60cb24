/**
 * The user's own engines. In: flags, environment, engines.yaml (in this order of precedence). Out: addresses per engine
 * kind, and the secrets among them. A message never repeats an address: it may hold a password.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { ClickHouseAddress, PostgresAddress } from '../engines/engine.ts'
import { HeadroomError } from '../kit/errors.ts'
import { parseYamlFile } from '../kit/yaml-door.ts'

const Place = z.union([
  z.string().min(1),
  z.strictObject({
    dsn: z.string().min(1),
    /** Name of an environment variable that holds the password, so that the file holds none. */
    passwordEnv: z.string().min(1).optional(),
  }),
])

export const EnginesFile = z.strictObject({
  postgres: Place.optional(),
  clickhouse: Place.optional(),
})

export interface ExternalSources {
  readonly postgres: string | undefined
  readonly clickhouse: string | undefined
  /** Path of an engines.yaml; absent: the one in this folder, if there is one. */
  readonly engines: string | undefined
}

export interface External {
  readonly addresses: {
    readonly postgres?: PostgresAddress
    readonly clickhouse?: ClickHouseAddress
  }
  readonly secrets: readonly string[]
  /** Things worth saying: a password other users of the machine can see. */
  readonly warnings: readonly string[]
}

type Env = Readonly<Record<string, string | undefined>>

interface Source {
  /** `--postgres`, `HEADROOM_POSTGRES_DSN`, `postgres in engines.yaml`. */
  readonly from: string
  readonly dsn: string
  readonly password: string | undefined
}

export function externalEngines(sources: ExternalSources, env: Env): External {
  const file = enginesFile(sources.engines)
  const postgres = pick('postgres', { flag: sources.postgres, file, env })
  const clickhouse = pick('clickhouse', { flag: sources.clickhouse, file, env })
  const addresses = {
    ...(postgres === null ? {} : { postgres: postgresAddress(postgres, env) }),
    ...(clickhouse === null ? {} : { clickhouse: clickHouseAddress(clickhouse) }),
  }
  const secrets = [addresses.postgres?.password, addresses.clickhouse?.password]
  return {
    addresses,
    secrets: secrets.filter((secret) => secret !== undefined),
    warnings: [postgres, clickhouse].flatMap((source) => visiblePassword(source)),
  }
}

function enginesFile(path: string | undefined): z.infer<typeof EnginesFile> {
  const file = path ?? join(process.cwd(), 'engines.yaml')
  if (path === undefined && !existsSync(file)) return {}
  return parseYamlFile(EnginesFile, file, { what: 'engines file' })
}

function pick(
  kind: 'postgres' | 'clickhouse',
  from: {
    readonly flag: string | undefined
    readonly file: z.infer<typeof EnginesFile>
    readonly env: Env
  },
): Source | null {
  if (from.flag !== undefined) return { from: `--${kind}`, dsn: from.flag, password: undefined }
  const variable = `HEADROOM_${kind.toUpperCase()}_DSN`
  const fromEnv = from.env[variable]
  if (fromEnv !== undefined && fromEnv !== '') {
    return { from: variable, dsn: fromEnv, password: undefined }
  }
  const place = from.file[kind]
  if (place === undefined) return null
  const name = `${kind} in the engines file`
  if (typeof place === 'string') return { from: name, dsn: place, password: undefined }
  const password = place.passwordEnv === undefined ? undefined : from.env[place.passwordEnv]
  if (place.passwordEnv !== undefined && password === undefined) {
    throw new HeadroomError(
      'BAD_INPUT',
      `${name} takes its password from ${place.passwordEnv}, which is not set`,
      {
        hint: `export ${place.passwordEnv}, or remove passwordEnv`,
      },
    )
  }
  return { from: name, dsn: place.dsn, password }
}

/** `postgres://user:password@host:5432/database?sslmode=verify-full` */
function postgresAddress(source: Source, env: Env): PostgresAddress {
  const url = parseUrl(source, ['postgres:', 'postgresql:'], 'postgres://user@host:5432/database')
  const sslmode = url.searchParams.get('sslmode') ?? 'disable'
  if (!['disable', 'verify-ca', 'verify-full'].includes(sslmode)) {
    throw badAddress(
      source,
      `sslmode ${sslmode} is not supported`,
      'use sslmode=disable or sslmode=verify-full',
    )
  }
  const password = source.password ?? passwordOf(url) ?? env['PGPASSWORD']
  return {
    host: hostOf(url),
    port: url.port === '' ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username) || (env['PGUSER'] ?? 'postgres'),
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
    ...(password === undefined ? {} : { password }),
    tls: sslmode === 'disable' ? 'off' : 'verify',
  }
}

/** `http(s)://user:password@host:8123/database` */
function clickHouseAddress(source: Source): ClickHouseAddress {
  const url = parseUrl(source, ['http:', 'https:', 'clickhouse:'], 'http://user@host:8123/database')
  const secure = url.protocol === 'https:'
  const port = url.port === '' ? (secure ? '8443' : '8123') : url.port
  const password = source.password ?? passwordOf(url)
  return {
    url: `${secure ? 'https' : 'http'}://${url.hostname}:${port}`,
    database: decodeURIComponent(url.pathname.slice(1)) || 'default',
    user: decodeURIComponent(url.username) || 'default',
    ...(password === undefined ? {} : { password }),
  }
}

function parseUrl(source: Source, protocols: readonly string[], example: string): URL {
  let url: URL
  try {
    url = new URL(source.dsn)
  } catch {
    throw badAddress(source, 'is not an address', `write it like ${example}`)
  }
  if (!protocols.includes(url.protocol)) {
    throw badAddress(source, `begins with ${url.protocol}//`, `write it like ${example}`)
  }
  if (url.hostname === '') throw badAddress(source, 'names no host', `write it like ${example}`)
  return url
}

function badAddress(source: Source, message: string, hint: string): HeadroomError {
  return new HeadroomError('BAD_INPUT', `${source.from} ${message}`, { hint })
}

function passwordOf(url: URL): string | undefined {
  return url.password === '' ? undefined : decodeURIComponent(url.password)
}

/** Node's URL keeps the brackets of an IPv6 address; a socket wants none. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function visiblePassword(source: Source | null): readonly string[] {
  if (source?.from.startsWith('--') !== true) return []
  if (new URL(source.dsn).password === '') return []
  const variable = `HEADROOM_${source.from.slice(2).toUpperCase()}_DSN`
  return [
    `the password in ${source.from} is visible to every user of this machine; ${variable} is not`,
  ]
}
