/**
 * What the user's role may do and see on his own PostgreSQL. In: a connection. Out: rights, and in words what goes
 * without the ones that are missing. Each sentence names the GRANT that would change it.
 */
import type { Client } from 'pg'
import { findImageSource } from './full-page-images.ts'

export interface PostgresRights {
  readonly role: string
  readonly database: string
  readonly mayCreateDatabase: boolean
  /** In the database that the DSN names. */
  readonly mayCreateSchema: boolean
  readonly mayCheckpoint: boolean
  /** pg_read_all_stats, part of pg_monitor: other roles' sessions. */
  readonly seesAllSessions: boolean
  /** pg_read_all_settings, part of pg_monitor. */
  readonly seesAllSettings: boolean
  /** Full-page images within the WAL can be told apart in this database, and in one that the role makes. */
  readonly seesPageImages: Readonly<Record<Place, boolean>>
}

/** Whether a run works in a database of its own, or in a schema of one that it shares. */
type Place = 'database' | 'schema'

export async function readRights(client: Client): Promise<PostgresRights> {
  const { rows } = await client.query<
    Omit<PostgresRights, 'seesPageImages'> & {
      readonly superuser: boolean
      readonly hasWalinspect: boolean
    }
  >(
    `SELECT current_user AS role, current_database() AS database,
            rolsuper AS superuser,
            EXISTS (SELECT FROM pg_available_extensions
                     WHERE name = 'pg_walinspect') AS "hasWalinspect",
            rolsuper OR rolcreatedb AS "mayCreateDatabase",
            has_database_privilege(current_database(), 'CREATE') AS "mayCreateSchema",
            ${hasRole('pg_checkpoint')} AS "mayCheckpoint",
            ${hasRole('pg_read_all_stats')} AS "seesAllSessions",
            ${hasRole('pg_read_all_settings')} AS "seesAllSettings"
       FROM pg_roles WHERE rolname = current_user`,
  )
  const row = rows[0]
  if (row === undefined) throw new Error('PostgreSQL does not list the role that is connected')
  const { superuser, hasWalinspect, ...rights } = row
  const images = await findImageSource(client)
  return {
    ...rights,
    seesPageImages: {
      schema: images.kind !== 'none',
      // An extension belongs to one database, and this one is not trusted: in a new one only a superuser makes it.
      // What a new database would have from template1 shows when it is there.
      database: images.kind === 'counter' || (superuser && hasWalinspect),
    },
  }
}

/** pg_has_role fails for a role that this version does not have yet (pg_checkpoint came with 15). */
function hasRole(name: string): string {
  return `rolsuper OR coalesce((SELECT pg_has_role(current_user, oid, 'USAGE')
                                  FROM pg_roles WHERE rolname = '${name}'), false)`
}

/**
 * @param place whether the run works in a database of its own, or in one that it shares
 * @param wantsCheckpoint whether one is asked for where the role may
 */
export function unseenWithout(
  rights: PostgresRights,
  place: Place,
  wantsCheckpoint = true,
): readonly string[] {
  const { role, database } = rights
  const when = (missing: boolean, sentence: string): readonly string[] =>
    missing ? [sentence] : []
  return [
    'CPU, memory and disk writes of the server are not seen: it runs apart from Headroom',
    place === 'schema'
      ? `WAL, checkpoints and cache hits count what everybody does on the server or in database ${database}, not this run alone`
      : 'WAL and checkpoints count what everybody does on the server, not this run alone',
    ...when(
      !wantsCheckpoint,
      'CHECKPOINT is not run, because the target does not allow it, so WAL per event does not begin at one',
    ),
    ...when(
      wantsCheckpoint && !rights.mayCheckpoint,
      `CHECKPOINT is not run, so WAL per event does not begin at one (GRANT pg_checkpoint TO ${role})`,
    ),
    ...when(
      !rights.seesAllSessions,
      `waits, snapshots and replication lag of other roles’ sessions are not seen, those of ${role} are (GRANT pg_monitor TO ${role})`,
    ),
    ...when(
      !rights.seesAllSettings,
      `settings that only pg_read_all_settings shows are not listed (GRANT pg_monitor TO ${role})`,
    ),
    ...when(
      !rights.seesPageImages[place],
      `full-page images within the WAL are not told apart (${place === 'database' ? 'once in template1, whose extensions a new database has: ' : ''}CREATE EXTENSION pg_walinspect; GRANT EXECUTE ON FUNCTION pg_get_wal_stats TO ${role})`,
    ),
  ]
}
