/** Waits until a replica shows everything that its primary has committed by now. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import type { PostgresAddress } from '../engine.ts'
import { withClient } from './connection.ts'
import type { SharedConnection } from './shared-connection.ts'

export interface Following {
  /** Of the replica. */
  readonly address: PostgresAddress
  readonly primary: SharedConnection
}

const LOOK_EVERY_MS = 20

/** For as long as the signal lets it: a replica may be paused, or behind by a whole bulk load. */
export async function untilReplayed(
  { address, primary }: Following,
  signal: AbortSignal,
): Promise<void> {
  const position = await primary.use(signal, committedPosition)
  await withClient(address, signal, async (client) => {
    for (;;) {
      const { rows } = await client.query<{ reached: boolean | null }>(
        'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS reached',
        [position],
      )
      if (rows[0]?.reached === true) return
      await delay(LOOK_EVERY_MS, undefined, { signal })
    }
  })
}

/** A commit of our own, flushed, is behind all others; the position after it is one that really is sent. */
async function committedPosition(client: Client): Promise<string> {
  await client.query('SET synchronous_commit = local')
  await client.query(`SELECT pg_logical_emit_message(true, 'headroom', '')`)
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn() AS lsn')
  return rows[0]?.lsn ?? '0/0'
}
