/**
 * The harness's own connections to PostgreSQL. In: an address. Out: a connected client, or an error that says in the
 * user's words what is wrong. An address's password never appears in a message.
 */
import pg from 'pg'
import type { Client, ClientConfig } from 'pg'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import type { PostgresAddress } from '../engine.ts'

/** Sessions with this name are the harness's: its probes leave them out of what they count. */
export const HARNESS_APPLICATION = 'headroom-harness'
const CONNECT_TIMEOUT_MS = 5_000
const CLOSE_WITHIN_MS = 1_000

export function clientConfig(address: PostgresAddress): ClientConfig {
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    database: address.database,
    ...(address.password === undefined ? {} : { password: address.password }),
    ssl: address.tls === 'verify' ? { rejectUnauthorized: true } : false,
    application_name: HARNESS_APPLICATION,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  }
}

/** `user@host:port/database`, without the password. */
export function sayAddress(address: PostgresAddress): string {
  return `${address.user}@${address.host}:${String(address.port)}/${address.database}`
}

/**
 * Connects, or says why not within seconds.
 * @throws HeadroomError ENGINE_AUTH_FAILED, ENGINE_UNREACHABLE
 */
export async function connect(address: PostgresAddress): Promise<Client> {
  const client = new pg.Client(clientConfig(address))
  // A server that goes away later rejects the query in flight; an idle client must not end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch (error) {
    throw connectError(error, address)
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

/** SQLSTATE of an error of the server; null for any other error. */
export function sqlStateOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null
}

function connectError(error: unknown, address: PostgresAddress): HeadroomError {
  const state = sqlStateOf(error)
  const where = `PostgreSQL at ${sayAddress(address)}`
  // 28P01 wrong password, 28000 no such role or refused by pg_hba.conf.
  if (
    state?.startsWith('28') === true ||
    /password must be a string|no password/i.test(messageOf(error))
  ) {
    return new HeadroomError('ENGINE_AUTH_FAILED', `${where} refuses this user and password`, {
      hint: `check the DSN’s user and password; the server says: ${messageOf(error)}`,
    })
  }
  if (state === '3D000') {
    return new HeadroomError(
      'ENGINE_UNREACHABLE',
      `${where} has no database "${address.database}"`,
      {
        hint: 'name an existing database in the DSN, for example postgres',
      },
    )
  }
  return new HeadroomError('ENGINE_UNREACHABLE', `${where} cannot be reached: ${sayCause(error)}`, {
    hint: 'is it running, and do host, port and TLS match? postgres://user:password@host:port/database',
    cause: error,
  })
}

/** Node wraps failed attempts over several addresses in an error without a message. */
function sayCause(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ')
  return messageOf(error) || 'no answer'
}
