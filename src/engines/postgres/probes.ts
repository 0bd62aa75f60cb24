/**
 * PostgreSQL's figures while a run lasts. In: the harness's sessions. Out: probes for WAL, checkpoints, tables, waits and
 * buffers. They only read, and leave the harness's own sessions out of what they count. Those that lock a table to look at
 * it have a session of their own: while somebody keeps it locked, the others tell who waits for it.
 */
import type { Client } from 'pg'
import type { Probe, Sample } from '../../collect/probe.ts'
import type { MetricId } from '../../collect/metrics.ts'
import { HARNESS_APPLICATION } from './connection.ts'
import { FullPageImages } from './full-page-images.ts'
import { BlockedSessions, readHorizon } from './horizon.ts'
import { readPartitions } from './partition-probe.ts'
import { ReplicationProbes } from './replication-probes.ts'
import type { HarnessSessions } from './harness-sessions.ts'
import type { SharedConnection } from './shared-connection.ts'
import { readSizes } from './size-probe.ts'
import { readTables } from './table-probe.ts'

const EVERY_MS = 1_000
export const SIZES_EVERY_MS = 5_000

/** @param isShared the database holds more than this run: only what is the run's own is counted where that can be told */
export function postgresProbes(
  { reading, sizing }: Pick<HarnessSessions, 'reading' | 'sizing'>,
  isShared = false,
): readonly Probe[] {
  const probe = probeOn(reading)
  const locking = probeOn(sizing)
  const images = new FullPageImages()
  const checkpoints = new Checkpoints()
  const buffers = new BufferHits()
  const blocked = new BlockedSessions()
  const replication = new ReplicationProbes()
  const ownSessions = isShared ? 'headroom %' : null
  return [
    probe('wal', EVERY_MS, (client) => readWal(client, images)),
    probe('checkpoints', EVERY_MS, (client) => checkpoints.read(client)),
    probe('waits', EVERY_MS, (client) => readWaits(client, ownSessions)),
    probe('locks', EVERY_MS, (client) => blocked.read(client, ownSessions)),
    probe('horizon', EVERY_MS, readHorizon),
    probe('standbys', EVERY_MS, (client) => replication.readStandbys(client)),
    probe('slots', EVERY_MS, (client) => replication.readSlots(client)),
    probe('buffers', EVERY_MS, (client) => buffers.read(client)),
    probe('tables', SIZES_EVERY_MS, (client) => readTables(client, isShared)),
    locking('sizes', SIZES_EVERY_MS, (client) => readSizes(client, isShared)),
    locking('partitions', SIZES_EVERY_MS, (client) => readPartitions(client, isShared)),
  ]
}

function probeOn(session: SharedConnection) {
  return (
    name: string,
    intervalMs: number,
    read: (client: Client) => Promise<readonly Sample[]>,
  ): Probe => ({
    name: `postgres.${name}`,
    intervalMs,
    sample: (signal) => session.use(signal, read),
  })
}

function sample(metric: MetricId, value: number, label: string | null = null): Sample {
  return { metric, label, value }
}

async function readWal(client: Client, images: FullPageImages): Promise<readonly Sample[]> {
  // The insert position counts every byte at once; pg_stat_wal learns of it up to a second later.
  const answer = await client.query<{ bytes: string }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS bytes`,
  )
  const fpiBytes = await images.readBytes(client)
  return [
    sample('wal.bytes', Number(answer.rows[0]?.bytes)),
    ...(fpiBytes === null ? [] : [sample('wal.fpiBytes', fpiBytes)]),
  ]
}

/** PostgreSQL 17 moved checkpoint counters to a view of their own. */
class Checkpoints {
  #sql: string | null = null

  async read(client: Client): Promise<readonly Sample[]> {
    this.#sql ??= await checkpointQuery(client)
    const { rows } = await client.query<Record<'timed' | 'requested' | 'write' | 'sync', string>>(
      this.#sql,
    )
    const row = rows[0]
    if (row === undefined) return []
    return [
      sample('checkpoint.timed', Number(row.timed)),
      sample('checkpoint.requested', Number(row.requested)),
      sample('checkpoint.writeMs', Number(row.write)),
      sample('checkpoint.syncMs', Number(row.sync)),
    ]
  }
}

async function checkpointQuery(client: Client): Promise<string> {
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT to_regclass('pg_stat_checkpointer') IS NOT NULL AS found`,
  )
  return rows[0]?.found === true
    ? `SELECT num_timed AS timed, num_requested AS requested, write_time AS write, sync_time AS sync
         FROM pg_stat_checkpointer`
    : `SELECT checkpoints_timed AS timed, checkpoints_req AS requested,
              checkpoint_write_time AS write, checkpoint_sync_time AS sync
         FROM pg_stat_bgwriter`
}

async function readWaits(client: Client, only: string | null): Promise<readonly Sample[]> {
  const { rows } = await client.query<{ event: string; sessions: string }>(
    `SELECT wait_event_type || ':' || wait_event AS event, count(*) AS sessions
       FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND state = 'active' AND wait_event IS NOT NULL
        AND datname = current_database() AND application_name <> $1
        -- In a database that is not the run's own, other people's sessions say nothing of it.
        AND ($2::text IS NULL OR application_name LIKE $2)
      GROUP BY 1 ORDER BY 1`,
    [HARNESS_APPLICATION, only],
  )
  const open = await client.query<{ sessions: number }>(
    `SELECT count(*)::float8 AS sessions FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND datname = current_database()
        AND application_name <> $1 AND ($2::text IS NULL OR application_name LIKE $2)`,
    [HARNESS_APPLICATION, only],
  )
  return [
    sample('sessions.open', open.rows[0]?.sessions ?? 0),
    ...rows.map((row) => sample('waits.sessions', Number(row.sessions), row.event)),
  ]
}

/** Of the block reads since the last sample, how many shared buffers could serve. */
class BufferHits {
  #hits = 0
  #reads = 0

  async read(client: Client): Promise<readonly Sample[]> {
    const { rows } = await client.query<{ hits: string; reads: string }>(
      `SELECT blks_hit AS hits, blks_read AS reads
         FROM pg_stat_database WHERE datname = current_database()`,
    )
    const hits = Number(rows[0]?.hits)
    const reads = Number(rows[0]?.reads)
    const hitNow = hits - this.#hits
    const readNow = reads - this.#reads
    this.#hits = hits
    this.#reads = reads
    // A restart after a crash begins the counters again.
    if (hitNow < 0 || readNow < 0 || hitNow + readNow === 0) return []
    return [sample('buffers.hitRatio', hitNow / (hitNow + readNow))]
  }
}
