/**
 * Whether a server of the user's own is the replica that a run needs. In: what it and its primary say of themselves. Out:
 * nothing, or the one thing that is wrong, with its remedy.
 */
import type { Client } from 'pg'
import { HeadroomError } from '../../kit/errors.ts'

export interface ReplicaRights {
  readonly role: string
  readonly isReplica: boolean
  /** Of the cluster, the same on a primary and all that follow it; null where the role may not ask. */
  readonly cluster: string | null
  /** May do what the role does that makes the tables on the primary. */
  readonly mayReadAsPrimary: boolean
  readonly seesAllSessions: boolean
  /** Functions about positions that this role may not call, and no run can do without. */
  readonly hidden: readonly string[]
}

/** How far a replica is, and how old that is: a service that reads from one asks it, and so does the audit. */
const POSITIONS = [
  'pg_last_wal_receive_lsn()',
  'pg_last_wal_replay_lsn()',
  'pg_last_xact_replay_timestamp()',
]

/** @param primaryRole the role that makes the tables; absent: the one that is connected */
export async function readReplicaRights(
  client: Client,
  primaryRole?: string,
): Promise<ReplicaRights> {
  const { rows } = await client.query<
    Omit<ReplicaRights, 'cluster' | 'hidden'> & { readonly mayAskCluster: boolean }
  >(
    `SELECT current_user AS role, pg_is_in_recovery() AS "isReplica",
            has_function_privilege('pg_control_system()', 'EXECUTE') AS "mayAskCluster",
            coalesce((SELECT pg_has_role(current_user, oid, 'USAGE') FROM pg_roles
                       WHERE rolname = coalesce($1, current_user)), false) AS "mayReadAsPrimary",
            pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS "seesAllSessions"`,
    [primaryRole ?? null],
  )
  const row = rows[0]
  if (row === undefined) throw new Error('PostgreSQL answers a SELECT without a row')
  const { mayAskCluster, ...rights } = row
  const hidden = await client.query<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) AS name WHERE NOT has_function_privilege(name, 'EXECUTE')`,
    [POSITIONS],
  )
  return {
    ...rights,
    cluster: mayAskCluster ? await clusterOf(client) : null,
    hidden: hidden.rows.map(({ name }) => name),
  }
}

async function clusterOf(client: Client): Promise<string | null> {
  const { rows } = await client.query<{ cluster: string }>(
    'SELECT system_identifier::text AS cluster FROM pg_control_system()',
  )
  return rows[0]?.cluster ?? null
}

/** @throws HeadroomError BAD_INPUT */
export function requireSameCluster(
  { where, ofPrimary }: { readonly where: string; readonly ofPrimary: string },
  replica: Pick<ReplicaRights, 'isReplica' | 'cluster'>,
  primary: Pick<ReplicaRights, 'isReplica' | 'cluster'>,
): void {
  if (!replica.isReplica) {
    throw new HeadroomError(
      'BAD_INPUT',
      `PostgreSQL at ${where} is no replica: it is not in recovery`,
      {
        hint: 'name a streaming replica under roles in engines.yaml; was it promoted, or are the two addresses swapped?',
      },
    )
  }
  if (replica.cluster === null || primary.cluster === null || replica.cluster === primary.cluster)
    return
  throw new HeadroomError(
    'BAD_INPUT',
    `PostgreSQL at ${where} is a replica of another server than the one at ${ofPrimary}`,
    {
      hint: 'SELECT system_identifier FROM pg_control_system() is the same on a primary and all that follow it',
    },
  )
}

/** @throws HeadroomError ENGINE_RIGHTS_MISSING */
export function requireReplicaRights(
  { where, primaryRole }: { readonly where: string; readonly primaryRole: string },
  { role, mayReadAsPrimary, hidden }: Pick<ReplicaRights, 'role' | 'mayReadAsPrimary' | 'hidden'>,
): void {
  if (!mayReadAsPrimary) {
    throw new HeadroomError(
      'ENGINE_RIGHTS_MISSING',
      `role "${role}" at ${where} may not read what "${primaryRole}" makes on the primary`,
      {
        hint: `name the same role for both, or on the primary: GRANT "${primaryRole}" TO "${role}"`,
      },
    )
  }
  if (hidden.length === 0) return
  const functions = hidden.join(', ')
  throw new HeadroomError(
    'ENGINE_RIGHTS_MISSING',
    `role "${role}" at ${where} may not ask how far the replica is: ${functions}`,
    { hint: `on the primary: GRANT EXECUTE ON FUNCTION ${functions} TO "${role}"` },
  )
}
