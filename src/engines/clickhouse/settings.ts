/**
 * ClickHouse's settings. In: what a target asks for, by ClickHouse's own names. Out: each in the place where ClickHouse
 * keeps it (server, query profile, MergeTree defaults), as the running server itself sorts them.
 */
import { HeadroomError } from '../../kit/errors.ts'
import type { EngineSettings, SettingNotInForce } from '../engine.ts'
import { checkSettings } from '../setting-names.ts'
import type { SortedSettings } from './config.ts'
import type { ClickHouseHttp } from './http.ts'

const PORT_SETTING = 'http_port'

const RULES = {
  engine: 'clickhouse',
  // `server.`, `query.` or `merge_tree.` in front says where, for a name that exists in two places.
  name: /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/i,
  reserved: {
    path: 'it is made for the run and removed after it',
    tmp_path: 'it is made for the run and removed after it',
    user_files_path: 'it is made for the run and removed after it',
    users_config: 'the harness writes it',
    listen_host: 'an embedded server listens on 127.0.0.1 only',
    tcp_port: 'an embedded server speaks HTTP only',
  },
} as const

type Place = keyof SortedSettings

/** By how specific they are: a name that exists twice belongs to the first, unless a prefix says otherwise. */
const PLACES: readonly {
  readonly place: Place
  readonly prefix: string
  readonly table: string
}[] = [
  { place: 'mergeTree', prefix: 'merge_tree.', table: 'system.merge_tree_settings' },
  { place: 'query', prefix: 'query.', table: 'system.settings' },
  { place: 'server', prefix: 'server.', table: 'system.server_settings' },
]

/** The port is not a setting to be sorted. @throws HeadroomError BAD_INPUT */
export function splitPort(asked: EngineSettings): {
  readonly port: string | null
  readonly settings: EngineSettings
} {
  checkSettings(asked, RULES)
  const { [PORT_SETTING]: port, ...settings } = asked
  return { port: port ?? null, settings }
}

/** @throws HeadroomError BAD_INPUT naming every setting this ClickHouse does not have */
export async function sortSettings(
  http: ClickHouseHttp,
  asked: EngineSettings,
  signal: AbortSignal,
): Promise<SortedSettings> {
  const sorted = { server: {}, query: {}, mergeTree: {} } as Record<Place, Record<string, string>>
  const unknown: string[] = []
  const known = new Map<Place, ReadonlySet<string>>()
  for (const { place, table } of PLACES) known.set(place, await namesIn(http, table, signal))
  for (const [name, value] of Object.entries(asked)) {
    const home = PLACES.find(({ place, prefix }) => {
      const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name
      return known.get(place)?.has(bare) === true && (bare !== name || !isPrefixed(name))
    })
    if (home === undefined) unknown.push(name)
    else
      sorted[home.place][name.startsWith(home.prefix) ? name.slice(home.prefix.length) : name] =
        value
  }
  if (unknown.length === 0) return sorted
  throw new HeadroomError(
    'BAD_INPUT',
    `this ClickHouse has no setting called ${unknown.join(', ')}`,
    {
      hint: 'names are those of system.settings, system.merge_tree_settings and system.server_settings',
    },
  )
}

/** What differs from ClickHouse's own defaults, as the server reports it; the place in front of a name that exists twice. */
export async function changedSettings(
  http: ClickHouseHttp,
  signal: AbortSignal,
): Promise<EngineSettings> {
  const changed: Record<string, string> = {}
  for (const { prefix, table } of PLACES) {
    const rows = await http.rows(`SELECT name, value FROM ${table} WHERE changed ORDER BY name`, {
      signal,
    })
    for (const [name = '', value = ''] of rows) {
      if (isPrivate(name)) continue
      changed[name in changed ? `${prefix}${name}` : name] = value
    }
  }
  return changed
}

/** Asked of an external server, whose settings are never changed. */
export async function settingsNotInForce(
  http: ClickHouseHttp,
  asked: EngineSettings,
  signal: AbortSignal,
): Promise<readonly SettingNotInForce[]> {
  const sorted = await sortSettings(http, asked, signal)
  const differing: SettingNotInForce[] = []
  for (const { place, table } of PLACES) {
    for (const [name, value] of Object.entries(sorted[place])) {
      const sql = `SELECT value FROM ${table} WHERE name = {name:String}`
      const actual = await http.text(`${sql} FORMAT TabSeparatedRaw`, {
        signal,
        parameters: { name },
      })
      if (!isSameValue(actual, value)) differing.push({ name, asked: value, inForce: actual })
    }
  }
  return differing
}

/** ClickHouse shows flags as 1 and 0, whatever they were set with. */
function isSameValue(actual: string, asked: string): boolean {
  const flags: Readonly<Record<string, string>> = { true: '1', on: '1', false: '0', off: '0' }
  const spelled = (value: string): string => flags[value.toLowerCase()] ?? value
  return spelled(actual) === spelled(asked)
}

async function namesIn(
  http: ClickHouseHttp,
  table: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  return new Set(
    // Obsolete names are still accepted somewhere, without any effect.
    (await http.rows(`SELECT name FROM ${table} WHERE NOT is_obsolete`, { signal })).map(
      ([name = '']) => name,
    ),
  )
}

function isPrefixed(name: string): boolean {
  return PLACES.some(({ prefix }) => name.startsWith(prefix))
}

/** Passwords, keys, and what differs between any two runs. */
function isPrivate(name: string): boolean {
  return /password|secret|access_key|token|proxy|_path$|^path$|hosts?$|^config|^logger/i.test(name)
}
