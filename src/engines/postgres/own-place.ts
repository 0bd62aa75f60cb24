/**
 * The one thing a run makes on the user's own PostgreSQL: a database where the role may make one, else a schema in the
 * database that the DSN names. In: rights and a name. Out: the place, made with its mark, and how it is removed again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { HeadroomError } from '../../kit/errors.ts'
import type { PostgresAddress } from '../engine.ts'
import type { CreatedThing, DropOutcome } from '../own-server.ts'
import { withClient } from './connection.ts'
import { quoteName } from './quote-name.ts'
import type { PostgresRights } from './rights.ts'
import { sqlStateOf } from './sql-state.ts'

export type OwnPlace = CreatedThing & { readonly what: 'database' | 'schema' }

/** Each waits for up to five seconds by itself. */
const DROP_ATTEMPTS = 4
const DROP_EVERY_MS = 1_000

/** @throws HeadroomError ENGINE_RIGHTS_MISSING */
export function choosePlace(rights: PostgresRights, name: string, mark: string): OwnPlace {
  if (rights.mayCreateDatabase) return { what: 'database', name, inside: null, mark }
  if (rights.mayCreateSchema) return { what: 'schema', name, inside: rights.database, mark }
  const { role, database } = rights
  throw new HeadroomError(
    'ENGINE_RIGHTS_MISSING',
    `role "${role}" may create neither databases nor schemas in database "${database}"`,
    {
      hint: `Headroom works in a place of its own and drops it afterwards: GRANT CREATE ON DATABASE "${database}" TO "${role}"`,
    },
  )
}

/** The address that a run works under. */
export function addressIn(address: PostgresAddress, place: OwnPlace): PostgresAddress {
  return place.what === 'database'
    ? { ...address, database: place.name }
    : { ...address, schema: place.name }
}

/** Made with its mark, or not at all where the server refuses. */
export async function createPlace(client: Client, place: OwnPlace): Promise<void> {
  const mark = textLiteral(place.mark)
  if (place.what === 'schema') {
    // One transaction: it is never there without its mark.
    await client.query(
      `BEGIN; CREATE SCHEMA ${place.name}; COMMENT ON SCHEMA ${place.name} IS ${mark}; COMMIT`,
    )
    return
  }
  await client.query(`CREATE DATABASE ${place.name}`)
  try {
    await client.query(`COMMENT ON DATABASE ${place.name} IS ${mark}`)
  } catch (error) {
    await client.query(`DROP DATABASE ${place.name}`)
    throw error
  }
}

/** Drops the place of a run that is still here to know it is its own. */
export async function removePlace(
  address: PostgresAddress,
  place: CreatedThing,
  signal: AbortSignal,
): Promise<void> {
  await withClient(address, signal, async (client) => {
    if (place.what === 'schema') await dropSchema(client, place.name)
    else await dropDatabase(client, place.name, signal)
  })
}

/** What a killed run left: only if the server's own mark says so too. */
export async function dropLeftoverPlace(
  address: PostgresAddress,
  leftover: CreatedThing,
  signal: AbortSignal,
): Promise<DropOutcome> {
  const within = leftover.inside === null ? address : { ...address, database: leftover.inside }
  const found = await withClient(within, signal, (client) => markOf(client, leftover))
  if (found === 'absent') return { state: 'absent' }
  if (found.mark !== leftover.mark) return { state: 'not-marked', found: found.mark }
  await removePlace(within, leftover, signal)
  return { state: 'dropped' }
}

async function markOf(
  client: Client,
  { what, name }: CreatedThing,
): Promise<'absent' | { readonly mark: string | null }> {
  const sql =
    what === 'schema'
      ? `SELECT obj_description(oid, 'pg_namespace') AS mark FROM pg_namespace WHERE nspname = $1`
      : `SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = $1`
  const { rows } = await client.query<{ mark: string | null }>(sql, [name])
  return rows[0] ?? 'absent'
}

async function dropSchema(client: Client, name: string): Promise<void> {
  // Sessions of a service that was killed may still hold locks in it.
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE usename = current_user AND pid <> pg_backend_pid() AND datname = current_database()
        AND pid IN (SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                     WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1))`,
    [name],
  )
  await client.query(`DROP SCHEMA IF EXISTS ${quoteName(name)} CASCADE`)
}

async function dropDatabase(client: Client, name: string, signal: AbortSignal): Promise<void> {
  const drop = `DROP DATABASE IF EXISTS ${quoteName(name)}`
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(`${drop} WITH (FORCE)`)
      return
    } catch (error) {
      // 42501: a session in it that only its own role, or a superuser, may end: a monitor, an autovacuum worker.
      if (sqlStateOf(error) !== '42501') throw error
    }
    try {
      await endOwnSessions(client, name)
      // Without FORCE the server itself asks autovacuum to leave, and waits for the others for some seconds.
      await client.query(drop)
      return
    } catch (error) {
      // 55006: somebody is still in it.
      if (sqlStateOf(error) !== '55006' || attempt === DROP_ATTEMPTS) throw error
    }
    await delay(DROP_EVERY_MS, undefined, { signal })
  }
}

async function endOwnSessions(client: Client, database: string): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = $1 AND usename = current_user AND pid <> pg_backend_pid()`,
    [database],
  )
}

/** The mark holds a run's id: letters, digits, dashes and slashes; quoted all the same. */
function textLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
