/** What the harness asks of a PostgreSQL between phases, and what it prepares on it before the first one. */
import type { Client } from 'pg'
import type { EngineControl, PostgresAddress } from '../engine.ts'
import { withClient } from './connection.ts'

export function postgresControl(address: PostgresAddress): EngineControl {
  return {
    checkpoint: (signal) =>
      withClient(address, signal, async (client) => {
        await client.query('CHECKPOINT')
      }),
    execute: (sql, signal) =>
      withClient(address, signal, async (client) => {
        await client.query(sql)
      }),
  }
}

/** `18.4`. */
export async function serverVersion(client: Client): Promise<string> {
  const answer = await client.query<{ server_version: string }>('SHOW server_version')
  return answer.rows[0]?.server_version.split(' ')[0] ?? 'unknown'
}

/**
 * The extensions that probes read, each where the server has it and lets us: statements by cost, and the WAL's own
 * contents (before PostgreSQL 19 nothing else says how many bytes of it are full-page images).
 */
export async function createExtensions(client: Client): Promise<void> {
  const wanted = await client.query<{ name: string }>(
    `SELECT name FROM pg_available_extensions
      WHERE name = 'pg_walinspect'
         OR name = 'pg_stat_statements'
            AND current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'`,
  )
  for (const { name } of wanted.rows) {
    // Refused on a managed server: the probes then do without.
    await client.query(`CREATE EXTENSION IF NOT EXISTS ${name}`).catch(() => undefined)
  }
}
