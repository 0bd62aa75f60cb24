/**
 * A streaming replica of the user's own, beside a primary of his own. In: its address, and the running primary with the place
 * that this run has there. Out: a running engine that answers reads from that place, once it has arrived. Nothing is made
 * or changed on it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { HeadroomError } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import type {
  EngineContext,
  EngineRequest,
  PostgresAddress,
  RunningEngine,
  StoringEngine,
} from '../engine.ts'
import type { InspectionRequest, ServerInspection } from '../own-server.ts'
import { watchReachable } from '../reachable.ts'
import { sayAddress } from './connect-error.ts'
import { withClient } from './connection.ts'
import { serverVersion } from './control.ts'
import { sayConnection } from './own-server.ts'
import type { ReplicaRights } from './replica-rights.ts'
import { readReplicaRights, requireReplicaRights, requireSameCluster } from './replica-rights.ts'
import { runningPostgres } from './running.ts'
import { nonDefaultSettings, settingsNotInForce } from './settings.ts'
import { harnessSessions } from './harness-sessions.ts'
import { SharedConnection } from './shared-connection.ts'

type ExternalRequest = Extract<EngineRequest<'postgres'>, { provider: 'external' }>

/** For what was just made on the primary: a replica that is further behind is of no use to a run. */
const ARRIVAL_TIMEOUT_MS = 30_000
const LOOK_EVERY_MS = 50

/**
 * @throws HeadroomError BAD_INPUT where it is no replica of that primary, ENGINE_RIGHTS_MISSING, ENGINE_NOT_READY,
 * ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED
 */
export async function startExternalReplica(
  request: ExternalRequest,
  upstream: RunningEngine,
  context: EngineContext,
): Promise<StoringEngine<'postgres'>> {
  const { signal, name } = context
  const primary = primaryOf(upstream, name)
  const rights = await lookAt(request.address, primary, signal)
  const address: PostgresAddress = {
    ...request.address,
    database: primary.database,
    ...(primary.schema === undefined ? {} : { schema: primary.schema }),
  }
  await untilArrived(address, context)
  await using scope = new Scope()
  const known = await withClient(address, signal, async (client) => ({
    version: await serverVersion(client),
    settings: await nonDefaultSettings(client),
    settingsNotInForce: await settingsNotInForce(client, request.settings),
  }))
  const sessions = harnessSessions(scope, address)
  const primarySessions = scope.use(new SharedConnection(primary))
  const asking = scope.use(new SharedConnection(address))
  const reachable = scope.use(
    watchReachable(name, (within) =>
      asking.use(within, async (client) => {
        await client.query('SELECT 1')
      }),
    ),
  )

  const { settingsNotInForce: notInForce, ...told } = known
  const owned = scope.move()
  return runningPostgres(
    {
      name,
      provider: 'external',
      label: `postgres ${told.version}, a replica`,
      ...told,
      notes: { settingsNotInForce: notInForce, unseen: unseenOn(name, rights) },
      addressFor: () => address,
      parts: [],
      crashed: reachable.lost,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { address, sessions, primary: primarySessions },
  )
}

function primaryOf(upstream: RunningEngine, name: string): PostgresAddress {
  if (upstream.kind === 'postgres' && upstream.provider === 'external')
    return (upstream as RunningEngine<'postgres'>).addressFor('harness')
  throw new HeadroomError(
    'BAD_INPUT',
    `${name} is a replica of your own, but ${upstream.name}, which it should follow, is not`,
    { hint: 'name your own primary as postgres in engines.yaml, or leave the replica out of it' },
  )
}

/**
 * Looks at it as a run would; reads only.
 * @throws HeadroomError as above, but for what has to arrive first
 */
export async function inspectReplica(
  name: string,
  { address, primary }: { readonly address: PostgresAddress; readonly primary: PostgresAddress },
  { settings, signal }: Pick<InspectionRequest, 'settings' | 'signal'>,
): Promise<ServerInspection> {
  const rights = await lookAt(address, primary, signal)
  return await withClient(address, signal, async (client) => ({
    label: `postgres ${await serverVersion(client)}, a replica`,
    connection: sayConnection(address),
    creates: [],
    notes: {
      settingsNotInForce: await settingsNotInForce(client, settings),
      unseen: unseenOn(name, rights),
    },
  }))
}

/** Before anything is waited for: what can be told to be wrong is told at once. */
async function lookAt(
  replica: PostgresAddress,
  primary: PostgresAddress,
  signal: AbortSignal,
): Promise<ReplicaRights> {
  const where = sayAddress(replica)
  const onPrimary = await withClient(primary, signal, readReplicaRights)
  const onReplica = await withClient(replica, signal, (client) =>
    readReplicaRights(client, primary.user),
  )
  requireSameCluster({ where, ofPrimary: sayAddress(primary) }, onReplica, onPrimary)
  requireReplicaRights({ where, primaryRole: primary.user }, onReplica)
  return onReplica
}

/** The run's own place, made on the primary moments ago: what comes here follows that primary, and follows it now. */
async function untilArrived(address: PostgresAddress, context: EngineContext): Promise<void> {
  const { signal, name } = context
  const deadlineMs = performance.now() + ARRIVAL_TIMEOUT_MS
  for (;;) {
    if (await hasArrived(address, signal)) return
    if (performance.now() > deadlineMs) {
      throw new HeadroomError(
        'ENGINE_NOT_READY',
        `${name} (${sayAddress(address)}) did not receive what was made on its primary within ${String(ARRIVAL_TIMEOUT_MS / 1_000)} s`,
        {
          hint: 'is replay paused (SELECT pg_is_wal_replay_paused()), or does it no longer stream (pg_stat_wal_receiver)?',
        },
      )
    }
    await delay(LOOK_EVERY_MS, undefined, { signal })
  }
}

async function hasArrived(address: PostgresAddress, signal: AbortSignal): Promise<boolean> {
  const { schema } = address
  try {
    return await withClient(address, signal, async (client) =>
      schema === undefined ? true : await hasSchema(client, schema),
    )
  } catch (error) {
    // No such database: it was made on the primary, so it is not here yet.
    if (error instanceof HeadroomError && error.code === 'ENGINE_UNREACHABLE') return false
    throw error
  }
}

async function hasSchema(client: Client, schema: string): Promise<boolean> {
  const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
  return rows.length > 0
}

function unseenOn(name: string, { seesAllSessions, role }: ReplicaRights): readonly string[] {
  return [
    `CPU, memory and disk writes of ${name} are not seen: it runs apart from Headroom`,
    ...(seesAllSessions
      ? []
      : [
          `how far ${name} is behind is not seen from its primary, only what it has yet to replay: GRANT pg_monitor TO ${role}`,
        ]),
  ]
}
