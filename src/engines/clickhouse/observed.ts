/**
 * The user's own ClickHouse behind his own service. In: an address and the tables to watch. Out: an engine that is only
 * looked at: nothing is created or changed.
 */
import { Scope } from '../../kit/scope.ts'
import type { ClickHouseAddress, ObservedServer, ObserveOptions } from '../engine.ts'
import { watchReachable } from '../reachable.ts'
import { sizeProbe } from '../size-probes.ts'
import { ClickHouseHttp } from './http.ts'
import { readSight, unseenWithout } from './own-server.ts'
import { clickHouseProbes } from './probes.ts'
import { changedSettings } from './settings.ts'
import { clickHouseEventsStore } from './store.ts'

const FIRST_ANSWER_TIMEOUT_MS = 10_000

/** @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_AUTH_FAILED within seconds */
export async function observeClickHouse(
  address: ClickHouseAddress,
  { name, tables, signal }: ObserveOptions,
): Promise<ObservedServer<'clickhouse'>> {
  await using scope = new Scope()
  const http = scope.use(new ClickHouseHttp(address))
  const soon = AbortSignal.any([signal, AbortSignal.timeout(FIRST_ANSWER_TIMEOUT_MS)])
  const version = await http.text('SELECT version()', { signal: soon })
  const sight = await readSight(http, signal)
  const settings = sight.seesSettings ? await changedSettings(http, signal) : {}
  const reachable = scope.use(
    watchReachable(name, async (within) => {
      await http.text('SELECT 1', { signal: within })
    }),
  )
  const watched = tables.map((table) =>
    clickHouseEventsStore(http, { name: `${name}.${table}`, table, readable: table }),
  )
  const probes = [
    ...clickHouseProbes(http, address.database, sight.hidden),
    ...(sight.hidden.has('parts')
      ? []
      : watched.map((table) => sizeProbe(table.name, (within) => table.size(within)))),
  ]
  const owned = scope.move()
  return {
    kind: 'clickhouse',
    name,
    provider: 'external',
    label: `clickhouse ${version.split('.').slice(0, 3).join('.')}`,
    version,
    settings,
    notes: { settingsNotInForce: [], unseen: unseenWithout(sight) },
    addressFor: () => address,
    parts: [],
    probes,
    tables: watched,
    missingTables: (within) => missingAmong(http, tables, within),
    crashed: reachable.lost,
    control: {
      checkpoint: () => Promise.resolve('nothing-to-do'),
      execute: () => Promise.reject(new Error(`${name} is only looked at`)),
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

async function missingAmong(
  http: ClickHouseHttp,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const missing: string[] = []
  for (const table of tables) {
    const name = table.split('.').map(quoted).join('.')
    const there = await http.text(`EXISTS TABLE ${name}`, { signal })
    if (there.trim() !== '1') missing.push(table)
  }
  return missing
}

function quoted(part: string): string {
  return `\`${part.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}
