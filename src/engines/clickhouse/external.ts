/**
 * The user's own ClickHouse. In: an address. Out: a running engine with a database of its own, named after the run and
 * dropped after it. Nothing else on that server is touched, and none of its settings is changed.
 */
import { Scope } from '../../kit/scope.ts'
import type { EngineContext, EngineRequest, RunningEngine } from '../engine.ts'
import { ownName } from '../own-name.ts'
import { watchReachable } from '../reachable.ts'
import { SizeProbes } from '../size-probes.ts'
import { clickHouseControl } from './control.ts'
import { ClickHouseHttp } from './http.ts'
import { clickHouseProbes } from './probes.ts'
import { changedSettings, settingsNotInForce, splitPort } from './settings.ts'
import { clickHouseEventsStore } from './store.ts'

type ExternalRequest = Extract<EngineRequest<'clickhouse'>, { provider: 'external' }>

const DROP_TIMEOUT_MS = 30_000
const FIRST_ANSWER_TIMEOUT_MS = 10_000

/** @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED within seconds, BAD_INPUT */
export async function startExternalClickHouse(
  request: ExternalRequest,
  context: EngineContext,
): Promise<RunningEngine<'clickhouse'>> {
  const { signal } = context
  const { settings: asked } = splitPort(request.settings)
  await using scope = new Scope()

  const server = scope.use(new ClickHouseHttp(request.address))
  const soon = AbortSignal.any([signal, AbortSignal.timeout(FIRST_ANSWER_TIMEOUT_MS)])
  const version = await server.text('SELECT version()', { signal: soon })
  for (const { name, asked: wanted, actual } of await settingsNotInForce(server, asked, signal)) {
    context.log(
      `${context.name}: the server uses ${name} = ${actual}, the target asks for ${wanted}; not changed`,
    )
  }

  const database = ownName(context.runId)
  await server.text(`CREATE DATABASE ${database}`, { signal })
  scope.defer(async () => {
    const dropped = AbortSignal.timeout(DROP_TIMEOUT_MS)
    await server.text(`DROP DATABASE IF EXISTS ${database} SYNC`, { signal: dropped })
  })
  const address = { ...request.address, database }
  const http = scope.use(new ClickHouseHttp(address))
  const changed = await changedSettings(http, signal)
  const reachable = scope.use(
    watchReachable(context.name, async (within) => {
      await http.text('SELECT 1', { signal: within })
    }),
  )

  const probes = clickHouseProbes(http, database)
  const sizes = new SizeProbes()
  const owned = scope.move()
  return {
    kind: 'clickhouse',
    name: context.name,
    provider: 'external',
    label: `clickhouse ${version.split('.').slice(0, 3).join('.')}`,
    version,
    settings: changed,
    addressFor: () => address,
    parts: [],
    get probes() {
      return [...probes, ...sizes.probes]
    },
    crashed: reachable.lost,
    control: clickHouseControl(http),
    eventsStore: (options) => {
      const store = clickHouseEventsStore(http, options)
      return sizes.watch(store, (within) => store.size(within))
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
