/**
 * The user's own PostgreSQL behind his own service. In: an address and the tables to watch. Out: an engine that is only
 * looked at: nothing is created or changed, and no CHECKPOINT is run unless that was allowed.
 */
import type { Client } from 'pg'
import { HeadroomError } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import type { ObservedServer, ObserveOptions, PostgresAddress } from '../engine.ts'
import { watchReachable } from '../reachable.ts'
import { sizeProbe } from '../size-probes.ts'
import { withClient } from './connection.ts'
import { postgresControl, serverVersion } from './control.ts'
import { harnessSessions } from './harness-sessions.ts'
import { postgresProbes } from './probes.ts'
import { quoteName } from './quote-name.ts'
import { readRights, unseenWithout } from './rights.ts'
import { nonDefaultSettings } from './settings.ts'
import { SharedConnection } from './shared-connection.ts'
import { readStatements } from './statements.ts'
import { quickSize } from './store.ts'

/** @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED */
export async function observePostgres(
  address: PostgresAddress,
  { name, tables, checkpoint, signal }: ObserveOptions,
): Promise<ObservedServer<'postgres'>> {
  await using scope = new Scope()
  const { version, settings, rights } = await withClient(address, signal, async (client) => ({
    version: await serverVersion(client),
    settings: await nonDefaultSettings(client),
    rights: await readRights(client),
  }))
  const { reading, sizing } = harnessSessions(scope, address)
  const asking = scope.use(new SharedConnection(address))
  const reachable = scope.use(
    watchReachable(name, (within) =>
      asking.use(within, async (client) => {
        await client.query('SELECT 1')
      }),
    ),
  )
  const control = postgresControl(address)
  const watched = tables.map((table) => ({
    name: `${name}.${table}`,
    size: quickSize(sizing, { table }),
  }))
  const probes = [
    ...postgresProbes({ reading, sizing }),
    ...watched.map((table) => sizeProbe(table.name, table.size)),
  ]
  const owned = scope.move()
  return {
    kind: 'postgres',
    name,
    provider: 'external',
    label: `postgres ${version}`,
    version,
    settings,
    notes: { settingsNotInForce: [], unseen: unseenWithout(rights, 'schema', checkpoint) },
    addressFor: () => address,
    parts: [],
    probes,
    tables: watched,
    missingTables: (within) => asking.use(within, (client) => missingAmong(client, tables)),
    crashed: reachable.lost,
    statements: (within) => reading.use(within, (client) => readStatements(client, false)),
    control: {
      checkpoint: (within) =>
        checkpoint ? control.checkpoint(within) : Promise.reject(notAllowed(name)),
      execute: () => Promise.reject(new Error(`${name} is only looked at`)),
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

async function missingAmong(client: Client, tables: readonly string[]): Promise<readonly string[]> {
  const missing: string[] = []
  for (const table of tables) {
    const { rows } = await client.query<{ there: boolean }>(
      'SELECT to_regclass($1) IS NOT NULL AS there',
      [quoteName(table)],
    )
    if (rows[0]?.there !== true) missing.push(table)
  }
  return missing
}

function notAllowed(name: string): HeadroomError {
  return new HeadroomError('ENGINE_RIGHTS_MISSING', `the target allows no CHECKPOINT on ${name}`, {
    hint: 'checkpoint: true under its engine in the target file',
  })
}
