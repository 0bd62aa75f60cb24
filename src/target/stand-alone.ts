/**
 * An architecture that nobody measures: what `docker compose up` starts. In: environment variables that say where the
 * engines are. Out: a database of the architecture's name with its schema, made once, and the configuration of one process.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { ClickHouseAddress, EngineAddress, PostgresAddress } from '../engines/engine.ts'
import type { NeededKind } from '../architecture/architecture.ts'
import type { RedisAddress } from '../engines/redis/address.ts'
import { ClickHouseError, ClickHouseHttp } from '../engines/clickhouse/http.ts'
import { withClient } from '../engines/postgres/connection.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { Blueprint } from './blueprint.ts'
import { blueprintOf } from './blueprint.ts'
import { parseArchitectureSettings } from './up.ts'

export interface StandAlone {
  readonly schema: Blueprint['schema']
  /** What the process takes as HEADROOM_CONFIG; holds secrets. */
  readonly config: Readonly<Record<string, unknown>>
}

type Environment = Readonly<Record<string, string | undefined>>

/** One lock for every replica that starts at the same moment. */
const SCHEMA_LOCK = 4_117_001

/**
 * @param environment POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER, POSTGRES_PASSWORD_FILE, CLICKHOUSE_URL, CLICKHOUSE_USER,
 * CLICKHOUSE_PASSWORD_FILE, HEADROOM_SETTINGS (JSON), HEADROOM_SCHEMA_VARIANT, PORT
 * @throws HeadroomError BAD_INPUT, UNKNOWN_TARGET
 */
export async function standAlone(
  architectureId: string,
  entry: string,
  environment: Environment,
): Promise<StandAlone> {
  const schemaVariant = environment['HEADROOM_SCHEMA_VARIANT'] ?? 'default'
  const { architecture, settings } = parseArchitectureSettings({
    kind: 'architecture',
    name: architectureId,
    description: '',
    architecture: architectureId,
    settings: settingsFrom(environment['HEADROOM_SETTINGS']),
    schemaVariant,
    engines: {},
  })
  const database = architectureId.replaceAll('-', '_')
  const { schema, launches } = await blueprintOf(architecture, {
    addressOf: (role, { kind, of }) =>
      STAND_ALONE[kind].addressFrom(
        of === null ? environment : ofRole(role, environment),
        database,
      ),
    settings,
    schemaVariant,
  })
  const launch = launches.find((candidate) => candidate.entry === entry)
  if (launch === undefined) {
    const known = launches.map((candidate) => candidate.entry).join(', ')
    throw new HeadroomError('BAD_INPUT', `${architectureId} launches no ${entry}`, {
      hint: `it launches ${known}`,
    })
  }
  const config = {
    ...(launch.config as object),
    port: Number(environment['PORT'] ?? 8080),
    host: '0.0.0.0',
  }
  return { schema, config }
}

/** Makes what is missing and changes nothing that is there: safe at every start, and from several replicas at once. */
export async function applySchemas({ schema }: StandAlone, signal: AbortSignal): Promise<void> {
  for (const { kind, address, statements } of schema) {
    // A replica takes its schema from its primary.
    if (statements.length > 0) await STAND_ALONE[kind].apply(address, statements, signal)
  }
}

async function applyToPostgres(
  address: PostgresAddress,
  statements: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await withClient({ ...address, database: 'postgres' }, signal, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [SCHEMA_LOCK])
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [
      address.database,
    ])
    if (found.rowCount === 0) await client.query(`CREATE DATABASE "${address.database}"`)
    // Within the lock of the session above: all of the schema or nothing of it.
    await withClient(address, signal, async (inside) => {
      const tables = await inside.query(
        `SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LIMIT 1`,
      )
      if (tables.rowCount !== 0) return
      await inside.query('BEGIN')
      for (const statement of statements) await inside.query(statement)
      await inside.query('COMMIT')
    })
  })
}

/** ClickHouse has no transactions: a table that is there is left, whoever made it. */
async function applyToClickHouse(
  address: ClickHouseAddress,
  statements: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await using http = new ClickHouseHttp(address)
  await http.text(`CREATE DATABASE IF NOT EXISTS ${address.database}`, {
    signal,
    database: 'default',
  })
  for (const statement of statements) {
    try {
      await http.text(statement, { signal })
    } catch (error) {
      if (!(error instanceof ClickHouseError) || error.code !== TABLE_ALREADY_EXISTS) throw error
    }
  }
}

/** How each engine of docker-compose.yml is reached, and how a schema is made there once. */
type StandAloneEngines = {
  readonly [Kind in NeededKind]: {
    readonly addressFrom: (environment: Environment, database: string) => EngineAddress[Kind]
    /** Given an address that `addressFrom` has made. */
    apply(
      address: EngineAddress[NeededKind],
      statements: readonly string[],
      signal: AbortSignal,
    ): Promise<void>
  }
}

const STAND_ALONE: StandAloneEngines = {
  postgres: { addressFrom: postgresFrom, apply: applyToPostgres },
  clickhouse: { addressFrom: clickHouseFrom, apply: applyToClickHouse },
  // Redis has no schema.
  redis: { addressFrom: redisFrom, apply: () => Promise.resolve() },
}

/** ErrorCodes.cpp of ClickHouse. */
const TABLE_ALREADY_EXISTS = 57

function postgresFrom(environment: Environment, database: string): PostgresAddress {
  return {
    host: environment['POSTGRES_HOST'] ?? 'postgres',
    port: Number(environment['POSTGRES_PORT'] ?? 5432),
    user: environment['POSTGRES_USER'] ?? 'headroom',
    database,
    ...passwordFrom(environment['POSTGRES_PASSWORD_FILE']),
    tls: 'off',
  }
}

function clickHouseFrom(environment: Environment, database: string): ClickHouseAddress {
  return {
    url: environment['CLICKHOUSE_URL'] ?? 'http://clickhouse:8123',
    database,
    user: environment['CLICKHOUSE_USER'] ?? 'headroom',
    ...passwordFrom(environment['CLICKHOUSE_PASSWORD_FILE']),
  }
}

function redisFrom(environment: Environment): RedisAddress {
  return {
    host: environment['REDIS_HOST'] ?? 'redis',
    port: Number(environment['REDIS_PORT'] ?? 6379),
    database: 0,
    ...passwordFrom(environment['REDIS_PASSWORD_FILE']),
    tls: 'off',
  }
}

/** What stands on another engine is named by its role: POSTGRES_REPLICA_HOST, and `postgres-replica` where it is not. */
function ofRole(role: string, environment: Environment): Environment {
  const part = role.toUpperCase().replaceAll('-', '_')
  return {
    ...environment,
    POSTGRES_HOST: environment[`POSTGRES_${part}_HOST`] ?? `postgres-${role}`,
    POSTGRES_PORT: environment[`POSTGRES_${part}_PORT`],
  }
}

function passwordFrom(file: string | undefined): { readonly password?: string } {
  if (file === undefined) return {}
  try {
    return { password: readFileSync(file, 'utf8').trimEnd() }
  } catch (error) {
    throw new HeadroomError('BAD_INPUT', `the password file ${file} cannot be read`, {
      cause: error,
    })
  }
}

function settingsFrom(text: string | undefined): Record<string, unknown> {
  if (text === undefined || text === '') return {}
  const parsed = z.record(z.string(), z.unknown()).safeParse(jsonOf(text))
  if (parsed.success) return parsed.data
  throw new HeadroomError('BAD_INPUT', 'HEADROOM_SETTINGS is not a JSON object', {
    hint: 'for instance {"connections":16}',
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
