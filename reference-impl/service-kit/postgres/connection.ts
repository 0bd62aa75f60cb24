/** Connections to PostgreSQL. In: an address. Out: a pool that replaces broken connections by itself. */
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'

export interface PoolOptions {
  readonly connections: number
  readonly name: string
  readonly log: (line: string) => void
  /** Server-side limit of one statement; 0 for none. */
  readonly statementTimeoutMs: number
}

const CONNECT_TIMEOUT_MS = 5_000

export function openPool(address: PostgresAddress, options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    host: address.host,
    port: address.port,
    user: address.user,
    database: address.database,
    ...(address.password === undefined ? {} : { password: address.password }),
    ssl: address.tls === 'verify' ? { rejectUnauthorized: true } : false,
    max: options.connections,
    min: options.connections,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: `headroom ${options.name}`,
    ...(options.statementTimeoutMs === 0 ? {} : { statement_timeout: options.statementTimeoutMs }),
    keepAlive: true,
  })
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', (error) => {
    options.log(`an idle connection broke: ${error.message}`)
  })
  return pool
}

/** Opens every connection of the pool, so that the first requests do not pay for it. Rejects when one fails. */
export async function warmUp(pool: pg.Pool, connections: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()))
  for (const client of clients) client.release()
}
