/**
 * PgBouncer's settings. In: what a target asks for and the server behind it. Out: the text of pgbouncer.ini: a transaction pool
 * under the server's own database name, and a session pool beside it for what belongs to a session.
 */
import { HeadroomError } from '../../kit/errors.ts'
import type { EngineSettings, PostgresAddress } from '../engine.ts'
import { quoteName } from '../postgres/quote-name.ts'
import { checkSettings } from '../setting-names.ts'

const OWN_USERS = 'users and passwords are drawn for the run'

const RULES = {
  engine: 'pgbouncer',
  name: /^[a-z_][a-z0-9_]*$/i,
  reserved: {
    listen_addr: 'a pooler that is started here listens on 127.0.0.1 only',
    unix_socket_dir: 'a pooler that is started here is reached by TCP',
    auth_type: OWN_USERS,
    auth_file: OWN_USERS,
    auth_hba_file: OWN_USERS,
    auth_ident_file: OWN_USERS,
    auth_query: OWN_USERS,
    auth_user: OWN_USERS,
    admin_users: OWN_USERS,
    stats_users: OWN_USERS,
    user: OWN_USERS,
    logfile: 'the log goes to the run’s folder',
    syslog: 'the log goes to the run’s folder',
    pidfile: 'the pooler is known by its process',
    service_name: 'the pooler is known by its process',
    server_tls_sslmode: 'it follows from the address of the server behind it',
    server_tls_ca_file: 'it follows from the address of the server behind it',
    client_tls_sslmode: 'a pooler that is started here listens on 127.0.0.1 only',
  },
} as const

const CLIENTS_MAX = '2000'

/** As in docker-compose.yml, so that the two can be compared. */
const DEFAULTS: EngineSettings = {
  pool_mode: 'transaction',
  max_client_conn: CLIENTS_MAX,
  default_pool_size: '16',
  // node-postgres sends a limit of statements as it connects, which no pooler can keep per client.
  ignore_startup_parameters: 'extra_float_digits,statement_timeout',
  // A line per connection would be most of the log.
  log_connections: '0',
  log_disconnections: '0',
}

/** Named prepared statements in transaction mode: without, a service that names its statements breaks (C13). */
const PREPARED: EngineSettings = { max_prepared_statements: '200' }
/** The minor version of PgBouncer 1 that they came with; an older one does not start with a setting that it does not know. */
const PREPARED_SINCE_MINOR = 21

export interface PoolerSettings {
  /** undefined: any free one. */
  readonly port: string | undefined
  readonly settings: EngineSettings
}

/** @throws HeadroomError BAD_INPUT for names that cannot be settings and for those the harness keeps */
export function poolerSettings(asked: EngineSettings): PoolerSettings {
  checkSettings(asked, RULES)
  const { listen_port: port, ...settings } = inForce(asked)
  if (handsOnSessions(asked) && settings['max_prepared_statements'] === '0') {
    throw new HeadroomError(
      'BAD_INPUT',
      'max_prepared_statements: 0 loses named prepared statements between two transactions',
      { hint: 'leave it out, or pool_mode: session' },
    )
  }
  return { port, settings }
}

/** Whether a session of the server goes to another client after each transaction. */
export function handsOnSessions(asked: Readonly<Record<string, unknown>>): boolean {
  return inForce(asked)['pool_mode'] !== 'session'
}

/** Names in lower case, as PgBouncer's manual has them. */
function inForce<Value>(
  asked: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value | string>> {
  const lower = Object.entries(asked).map(([name, value]) => [name.toLowerCase(), value] as const)
  return { ...DEFAULTS, ...Object.fromEntries(lower) }
}

/** Session pool: LISTEN, advisory locks and SET work there. */
export function sessionAlias(database: string): string {
  return `${database}_session`
}

/** Whether a transaction pool of this version keeps named prepared statements from one transaction to the next. */
export function keepsPreparedStatements(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 1 || (major === 1 && minor >= PREPARED_SINCE_MINOR)
}

/** With the setting that keeps named statements; what a target asks for stays. */
export function withPreparedStatements(settings: EngineSettings): EngineSettings {
  return { ...PREPARED, ...settings }
}

/** What is written for a version: the setting only where it has it. */
export function settingsFor(version: string, settings: EngineSettings): EngineSettings {
  return keepsPreparedStatements(version) ? withPreparedStatements(settings) : settings
}

/** @throws HeadroomError ENGINE_MISSING where a pool would lose named statements between two transactions */
export function requirePreparedStatements(
  version: string,
  { pool_mode: mode }: EngineSettings,
): void {
  if (keepsPreparedStatements(version) || mode === 'session') return
  throw new HeadroomError(
    'ENGINE_MISSING',
    `PgBouncer ${version} loses named prepared statements in ${mode ?? 'transaction'} mode (1.21 and later keep them)`,
    { hint: 'headroom engines install pgbouncer, or pool_mode: session' },
  )
}

export interface Databases {
  readonly server: PostgresAddress
  /** Whether user and password of the server stand in the file: else the client's own are used. */
  readonly credentials: boolean
  /** Of [pgbouncer]. */
  readonly settings: EngineSettings
}

/** The lines of [databases]. */
export function databaseLines({ server, credentials, settings }: Databases): string {
  const parts = [
    `host=${server.host}`,
    `port=${String(server.port)}`,
    `dbname=${quoted(server.database)}`,
    ...(credentials ? [`user=${quoted(server.user)}`] : []),
    ...(credentials && server.password !== undefined
      ? [`password=${quoted(server.password)}`]
      : []),
    ...(server.schema === undefined
      ? []
      : [`connect_query=${quoted(`SET search_path TO ${quoteName(server.schema)}`)}`]),
  ].join(' ')
  const name = iniName(server.database)
  // A session is its client's until the client leaves: in a pool with fewer than clients a LISTEN would wait for good.
  const sessions = `pool_mode=session pool_size=${settings['max_client_conn'] ?? CLIENTS_MAX}`
  return `${name} = ${parts}\n${iniName(sessionAlias(server.database))} = ${parts} ${sessions}\n`
}

export function iniText(databases: string, settings: EngineSettings): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
  return `[databases]\n${databases}\n[pgbouncer]\n${lines.join('')}`
}

/** A line of the file of users. */
export function userLine(user: string, password: string): string {
  const text = (part: string): string => `"${part.replaceAll('"', '""')}"`
  return `${text(user)} ${text(password)}\n`
}

/** @throws HeadroomError BAD_INPUT for names that a key of the file cannot hold */
function iniName(database: string): string {
  if (/^[A-Za-z0-9_.-]+$/.test(database)) return database
  throw new HeadroomError('BAD_INPUT', `PgBouncer's file cannot name the database "${database}"`, {
    hint: 'use a database whose name is letters, digits, underscores, dots and dashes',
  })
}

/** @throws HeadroomError BAD_INPUT for what no line of the file can hold */
function quoted(text: string): string {
  if (/[\r\n\0]/.test(text)) {
    throw new HeadroomError(
      'BAD_INPUT',
      'PgBouncer cannot pass on a name or password with line breaks',
    )
  }
  return `'${text.replaceAll("'", "''")}'`
}
