/**
 * The user's own PostgreSQL. In: an address. Out: a running engine with a database of its own, named after the run and
 * dropped after it. Nothing else on that server is touched, and none of its settings is changed.
 */
import type { Client } from 'pg'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import type { EngineContext, EngineRequest, RunningEngine } from '../engine.ts'
import { ownName } from '../own-name.ts'
import { watchReachable } from '../reachable.ts'
import { SizeProbes } from '../size-probes.ts'
import { sayAddress, sqlStateOf, withClient } from './connection.ts'
import { createExtensions, postgresControl, serverVersion } from './control.ts'
import { postgresProbes } from './probes.ts'
import { nonDefaultSettings, settingsNotInForce } from './settings.ts'
import { SharedConnection } from './shared-connection.ts'
import { postgresEventsStore, quickSize } from './store.ts'

type ExternalRequest = Extract<EngineRequest<'postgres'>, { provider: 'external' }>

const DROP_TIMEOUT_MS = 30_000

/** @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED within seconds, BAD_INPUT */
export async function startExternalPostgres(
  request: ExternalRequest,
  context: EngineContext,
): Promise<RunningEngine<'postgres'>> {
  const { signal } = context
  await using scope = new Scope()

  const database = ownName(context.runId)
  await withClient(request.address, signal, async (client) => {
    for (const { name, asked, actual } of await settingsNotInForce(client, request.settings)) {
      context.log(
        `${context.name}: the server uses ${name} = ${actual}, the target asks for ${asked}; not changed`,
      )
    }
    await createDatabase(client, database, sayAddress(request.address))
  })
  scope.defer(() =>
    withClient(request.address, AbortSignal.timeout(DROP_TIMEOUT_MS), async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
    }),
  )

  const address = { ...request.address, database }
  const { version, settings } = await withClient(address, signal, async (client) => {
    await createExtensions(client)
    return { version: await serverVersion(client), settings: await nonDefaultSettings(client) }
  })
  const reading = scope.use(new SharedConnection(address))
  const polling = scope.use(new SharedConnection(address))
  const asking = scope.use(new SharedConnection(address))
  const reachable = scope.use(
    watchReachable(context.name, (within) =>
      asking.use(within, async (client) => {
        await client.query('SELECT 1')
      }),
    ),
  )

  const probes = postgresProbes(reading)
  const sizes = new SizeProbes()
  const owned = scope.move()
  return {
    kind: 'postgres',
    name: context.name,
    provider: 'external',
    label: `postgres ${version}`,
    version,
    settings,
    addressFor: () => address,
    parts: [],
    get probes() {
      return [...probes, ...sizes.probes]
    },
    crashed: reachable.lost,
    control: postgresControl(address),
    eventsStore: (store) =>
      sizes.watch(
        postgresEventsStore({ address, polling }, store),
        quickSize(reading, store.table),
      ),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

async function createDatabase(client: Client, database: string, where: string): Promise<void> {
  try {
    await client.query(`CREATE DATABASE ${database}`)
  } catch (error) {
    // 42501: insufficient privilege.
    if (sqlStateOf(error) !== '42501') throw error
    throw new HeadroomError(
      'ENGINE_AUTH_FAILED',
      `${where} may not create databases: ${messageOf(error)}`,
      {
        hint: 'Headroom works in a database of its own and drops it afterwards: ALTER ROLE … CREATEDB',
      },
    )
  }
}
