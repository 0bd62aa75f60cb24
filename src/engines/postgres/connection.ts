/**
 * The harness's own connections to PostgreSQL. In: an address. Out: a connected client, or an error that says in the
 * user's words what is wrong. An address's password never appears in a message.
 */
import pg from 'pg'
import type { Client, ClientConfig } from 'pg'
import { HeadroomError } from '../../kit/errors.ts'
import { tlsClientOptions } from '../../kit/tls.ts'
import type { PostgresAddress } from '../engine.ts'
import { connectError } from './connect-error.ts'
import { guardPassword } from './password-guard.ts'
import { quoteName } from './quote-name.ts'

/** Sessions with this name are the harness's: its probes leave them out of what they count. */
export const HARNESS_APPLICATION = 'headroom-harness'
const CONNECT_TIMEOUT_MS = 5_000
const CLOSE_WITHIN_MS = 1_000

/** The database of PgBouncer that is none: its console, which speaks the protocol and no SQL. */
export const POOLER_CONSOLE = 'pgbouncer'

/** Only a superuser may, and elsewhere trying would leave an error in somebody's log. */
const KEEP_OUT_OF_STATEMENTS = `SELECT set_config('pg_stat_statements.track', 'none', false)
  FROM pg_roles WHERE rolname = current_user AND rolsuper`

export function clientConfig(address: PostgresAddress): ClientConfig {
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    database: address.database,
    ...(address.password === undefined ? {} : { password: address.password }),
    ssl: address.tls === 'off' ? false : tlsClientOptions(address.tls),
    // Where the server offers it, the password proves both ends of this very TLS connection.
    enableChannelBinding: address.tls !== 'off',
    ...(address.schema === undefined ? {} : { options: searchPath(address.schema) }),
    application_name: HARNESS_APPLICATION,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  }
}

/** Nothing but the run's own schema: a name that is missing there must not be found among the user's tables. */
function searchPath(schema: string): string {
  return `-c search_path=${quoteName(schema)}`
}

/**
 * Connects, or says why not within seconds.
 * @throws HeadroomError ENGINE_AUTH_FAILED, ENGINE_TLS_FAILED, ENGINE_UNREACHABLE
 */
export async function connect(address: PostgresAddress): Promise<Client> {
  const client = new pg.Client(clientConfig(address))
  guardPassword(client, address)
  // A server that goes away later rejects the query in flight; an idle client must not end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    if (address.database !== POOLER_CONSOLE) await client.query(KEEP_OUT_OF_STATEMENTS)
    return client
  } catch (error) {
    throw error instanceof HeadroomError ? error : connectError(error, address)
  }
}

/** Runs `use` on a connection of its own; an abort ends the connection, and with it the statement. */
export async function withClient<T>(
  address: PostgresAddress,
  signal: AbortSignal,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const client = await connect(address)
  const abort = (): void => {
    destroy(client)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await use(client)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
    await close(client)
  }
}

/** Ends politely; a connection that is broken, or whose server does not react, is simply dropped. */
export async function close(client: Client): Promise<void> {
  const patience = setTimeout(() => {
    destroy(client)
  }, CLOSE_WITHIN_MS)
  await client.end().catch(() => {
    destroy(client)
  })
  clearTimeout(patience)
}

/** Cuts the socket: the server notices and ends the statement. */
export function destroy(client: Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}
