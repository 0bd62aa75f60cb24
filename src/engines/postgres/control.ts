/** What the harness asks of a PostgreSQL between phases, and what it prepares on it before the first one. */
import type { Client } from 'pg'
import type { CheckpointOutcome, EngineControl, PostgresAddress } from '../engine.ts'
import { HeadroomError } from '../../kit/errors.ts'
import { close, connect, withClient } from './connection.ts'
import { sqlStateOf } from './sql-state.ts'

/** Sessions that a scenario's fault holds open. */
const FAULT_APPLICATION = 'headroom-fault'

export function postgresControl(address: PostgresAddress): EngineControl {
  return {
    checkpoint: (signal) =>
      withClient(address, signal, async (client): Promise<CheckpointOutcome> => {
        try {
          await client.query('CHECKPOINT')
          return 'made'
        } catch (error) {
          // 42501: insufficient privilege.
          throw sqlStateOf(error) === '42501' ? mayNotCheckpoint(address) : error
        }
      }),
    execute: (sql, signal) =>
      withClient(address, signal, async (client) => {
        await client.query(sql)
      }),
    hold: async (sql, signal) => {
      signal.throwIfAborted()
      const client = await connect(address)
      try {
        // Probes leave the harness's own sessions out; this one is to be seen.
        await client.query(`SET application_name = '${FAULT_APPLICATION}'`)
        await client.query(sql)
      } catch (error) {
        await close(client)
        throw error
      }
      return { [Symbol.asyncDispose]: () => close(client) }
    },
  }
}

function mayNotCheckpoint({ user }: PostgresAddress): HeadroomError {
  return new HeadroomError('ENGINE_RIGHTS_MISSING', `role "${user}" may not run CHECKPOINT`, {
    hint: `GRANT pg_checkpoint TO "${user}" (PostgreSQL 15 and later; before, only a superuser may)`,
  })
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
  for (const name of ['pg_stat_statements', 'pg_walinspect']) {
    // Not there, or refused to this user: the probes then do without.
    await client.query(`CREATE EXTENSION IF NOT EXISTS ${name}`).catch(() => undefined)
  }
}
