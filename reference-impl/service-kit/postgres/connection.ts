/** How PostgreSQL is reached. In: an address. Out: what pg needs, and a pool for reads. */
import pg from 'pg'
import type { PostgresAddress } from '../../../src/engines/engine.ts'
import { tlsClientOptions } from '../../../src/kit/tls.ts'

export interface PoolOptions {
  readonly connections: number
  readonly name: string
  readonly log: (line: string) => void
  /** Server-side limit of one statement. */
  readonly statementTimeoutMs: number
}

/** Of a service: reads have a pool of their own, for a slow aggregate must not hold up writes inside it. */
export const READ_CONNECTIONS = 4

const CONNECT_TIMEOUT_MS = 5_000

export function clientConfig(address: PostgresAddress, name: string): pg.ClientConfig {
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    database: address.database,
    ...(address.password === undefined ? {} : { password: address.password }),
    ssl: address.tls === 'off' ? false : tlsClientOptions(address.tls),
    enableChannelBinding: address.tls !== 'off',
    ...(address.schema === undefined ? {} : { options: `-c search_path="${address.schema}"` }),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: `headroom ${name}`,
    keepAlive: true,
  }
}

/** Opens connections when they are needed and replaces broken ones. */
export function openPool(address: PostgresAddress, options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    ...clientConfig(address, options.name),
    max: options.connections,
    idleTimeoutMillis: 0,
    statement_timeout: options.statementTimeoutMs,
  })
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', (error) => {
    options.log(`an idle connection broke: ${error.message}`)
  })
  return pool
}
