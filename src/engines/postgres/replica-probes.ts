/**
 * A replica's figures while a run lasts. In: a connection to it. Out: what it has received and not yet replayed, and the
 * queries that replay has cancelled. WAL, checkpoints and tables are the primary's to tell.
 */
import type { Client } from 'pg'
import type { Probe, Sample } from '../../collect/probe.ts'
import type { SharedConnection } from './shared-connection.ts'

const EVERY_MS = 1_000

export function replicaProbes(connection: SharedConnection, name: string): readonly Probe[] {
  return [
    {
      name: `postgres.replay ${name}`,
      intervalMs: EVERY_MS,
      sample: (signal) => connection.use(signal, (client) => readReplay(client, name)),
    },
  ]
}

/** Before the first byte has arrived by streaming there is no position received. */
async function readReplay(client: Client, label: string): Promise<readonly Sample[]> {
  const { rows } = await client.query<{ behind: string | null; conflicts: string | null }>(
    `SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) AS behind,
            (SELECT conflicts FROM pg_stat_database WHERE datname = current_database()) AS conflicts`,
  )
  const { behind = null, conflicts = null } = rows[0] ?? {}
  return [
    ...(behind === null
      ? []
      : [{ metric: 'replica.unreplayedBytes', label, value: Math.max(0, Number(behind)) }]),
    ...(conflicts === null
      ? []
      : [{ metric: 'replica.cancelledQueries', label, value: Number(conflicts) }]),
  ]
}
