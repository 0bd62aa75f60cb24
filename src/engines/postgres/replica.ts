/**
 * A PostgreSQL that follows another one started here, by streaming replication. In: its running primary, and settings. Out:
 * a running engine that answers reads, once it streams.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import type {
  EngineContext,
  EngineSettings,
  PostgresAddress,
  RunningEngine,
  StoringEngine,
} from '../engine.ts'
import type { PostgresHome } from './account.ts'
import { withClient } from './connection.ts'
import { serverVersion } from './control.ts'
import { copyData } from './data-copy.ts'
import { EMBEDDED_DATABASE } from './embedded.ts'
import { requireExtensionPackages } from './extensions.ts'
import { startLocalServer } from './local-server.ts'
import { runningPostgres } from './running.ts'
import { PostgresServer } from './server.ts'
import { nonDefaultSettings, serverSettings } from './settings.ts'
import { harnessSessions } from './harness-sessions.ts'
import { SharedConnection } from './shared-connection.ts'
import { sqlStateOf } from './sql-state.ts'

/**
 * A standby refuses to run with less of these than its primary
 * (https://www.postgresql.org/docs/18/hot-standby.html#HOT-STANDBY-ADMIN); the last one it could not do without either.
 */
const AT_LEAST_AS_PRIMARY = [
  ...['max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions'],
  ...['max_locks_per_transaction', 'shared_preload_libraries'],
]
/** A primary that was started again is found within that; PostgreSQL's own 5 s would be most of a short outage. */
export const REPLICA_DEFAULTS: EngineSettings = { wal_retrieve_retry_interval: '500ms' }
const STREAMING_TIMEOUT_MS = 30_000
const LOOK_EVERY_MS = 20

/** @throws HeadroomError BAD_INPUT, ENGINE_MISSING, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startEmbeddedReplica(
  asked: EngineSettings,
  upstream: RunningEngine,
  context: EngineContext,
): Promise<StoringEngine<'postgres'>> {
  const { signal } = context
  const primary = upstream.parts.find((part) => part instanceof PostgresServer)
  if (primary === undefined) throw notHere(context.name, upstream)
  const slot = replicaSlot(context.name)
  const inherited = await withClient(primary.address, signal, settingsOfPrimary)
  await using scope = new Scope()
  const { server } = scope.use(
    await startLocalServer(
      {
        settingsIn: (home) => ({
          ...serverSettings({ ...REPLICA_DEFAULTS, ...inherited, ...asked }),
          hot_standby: 'on',
          primary_slot_name: slot,
          primary_conninfo: conninfo(primary.address, {
            passfile: passfileIn(home, primary),
            // What the primary, and so every figure of it, calls this replica.
            application_name: context.name,
          }),
        }),
        password: primary.address.password ?? '',
        makeData: async ({ dir, home }) => {
          try {
            await copyData(primary, { dir, slot }, signal)
          } catch (error) {
            throw sqlStateOf(error) === null ? error : refused(context.name, error)
          }
          home.own(dir)
        },
        packages: requireExtensionPackages(primary.extensions),
      },
      context,
    ),
  )
  const address: PostgresAddress = { ...server.address, database: EMBEDDED_DATABASE }
  await untilStreaming(address, context)
  const known = await withClient(address, signal, async (client) => ({
    version: await serverVersion(client),
    settings: await nonDefaultSettings(client),
  }))
  const sessions = harnessSessions(scope, address)
  const primaryAddress: PostgresAddress = { ...primary.address, database: EMBEDDED_DATABASE }
  const primarySessions = scope.use(new SharedConnection(primaryAddress))

  const owned = scope.move()
  return runningPostgres(
    {
      name: context.name,
      provider: 'embedded',
      label: `postgres ${known.version}, a replica`,
      ...known,
      addressFor: () => address,
      parts: [server],
      crashed: server.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { address, sessions, primary: primarySessions },
  )
}

/** Of its name, in the letters that a slot may have. */
export function replicaSlot(name: string): string {
  return `headroom_${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')}`
}

/** @throws HeadroomError ENGINE_NOT_READY */
export async function untilStreaming(
  address: PostgresAddress,
  { name, signal }: EngineContext,
): Promise<void> {
  const deadlineMs = performance.now() + STREAMING_TIMEOUT_MS
  await withClient(address, signal, async (client) => {
    while (!(await isStreaming(client))) {
      if (performance.now() > deadlineMs) {
        throw new HeadroomError(
          'ENGINE_NOT_READY',
          `${name} does not stream from its primary after ${String(STREAMING_TIMEOUT_MS / 1_000)} s`,
          { hint: 'its log says why' },
        )
      }
      await delay(LOOK_EVERY_MS, undefined, { signal })
    }
  })
}

async function isStreaming(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming' AND pg_is_in_recovery()`,
  )
  return rows.length > 0
}

export async function settingsOfPrimary(client: Client): Promise<EngineSettings> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY ($1)',
    [AT_LEAST_AS_PRIMARY],
  )
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

/** Not on the command line, which every user of the machine can read. */
function passfileIn(home: PostgresHome, { address }: PostgresServer): string {
  const file = join(home.dir, 'passfile')
  writeFileSync(file, `*:*:*:${address.user}:${address.password ?? ''}\n`, { mode: 0o600 })
  home.own(file)
  return file
}

/** https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE */
function conninfo(
  { host, port, user }: PostgresAddress,
  more: Readonly<Record<string, string>>,
): string {
  return Object.entries({ host, port: String(port), user, ...more })
    .map(([name, value]) => `${name}='${value.replaceAll(/[\\']/g, '\\$&')}'`)
    .join(' ')
}

function refused(name: string, error: unknown): HeadroomError {
  return new HeadroomError('BAD_INPUT', `${name} cannot follow its primary: ${messageOf(error)}`, {
    hint: 'the primary needs wal_level replica or logical, and max_wal_senders and max_replication_slots for every replica',
    cause: error,
  })
}

function notHere(name: string, upstream: RunningEngine): HeadroomError {
  return new HeadroomError(
    'BAD_INPUT',
    `${name} is asked for here, but ${upstream.name}, which it follows, is not (${upstream.provider})`,
    { hint: 'a replica runs where its primary runs: leave out its provider' },
  )
}
