/**
 * The user's own ClickHouse: how it is named, looked at, and cleaned up. In a database of its own, marked by its comment;
 * ClickHouse has nothing smaller that could be dropped as a whole.
 */
import { HeadroomError } from '../../kit/errors.ts'
import type { ClickHouseAddress, EngineSettings, ServerNotes } from '../engine.ts'
import type {
  CreatedThing,
  DropOutcome,
  InspectionRequest,
  OwnServer,
  ServerInspection,
} from '../own-server.ts'
import { clickHouseWarnings, parseClickHouseAddress } from './address.ts'
import { ClickHouseHttp } from './http.ts'
import type { ClickHouseProbe } from './probes.ts'
import { PROBE_SOURCES } from './probes.ts'
import { isAccessDenied } from './request-error.ts'
import { settingsNotInForce, splitPort } from './settings.ts'

const FIRST_ANSWER_TIMEOUT_MS = 10_000
const SETTINGS_TABLES = ['settings', 'merge_tree_settings', 'server_settings']

export const ownClickHouse: OwnServer<ClickHouseAddress> = {
  parse: parseClickHouseAddress,
  secretsOf: ({ password, tls }) => [
    ...(password === undefined ? [] : [password]),
    ...(tls?.client == null ? [] : [tls.client.key]),
  ],
  say: sayClickHouse,
  warningsOf: clickHouseWarnings,
  inspect: inspectClickHouse,
  dropLeftover,
}

/** `user@host:port`. */
export function sayClickHouse({ url, user }: ClickHouseAddress): string {
  return `${user}@${new URL(url).host}`
}

export interface ClickHousePlan {
  readonly version: string
  readonly notes: ServerNotes
  readonly sight: Sight
}

/** Reads only. @throws HeadroomError ENGINE_RIGHTS_MISSING where the user may not do what every run does */
export async function planOn(
  http: ClickHouseHttp,
  asked: {
    readonly settings: EngineSettings
    readonly ownName: string
    readonly signal: AbortSignal
  },
): Promise<ClickHousePlan> {
  const { signal } = asked
  const soon = AbortSignal.any([signal, AbortSignal.timeout(FIRST_ANSWER_TIMEOUT_MS)])
  const version = await http.text('SELECT version()', { signal: soon })
  await requireCreateDatabase(http, asked.ownName, signal)
  const sight = await readSight(http, signal)
  if (sight.hidden.has('parts')) {
    throw new HeadroomError(
      'ENGINE_RIGHTS_MISSING',
      'this ClickHouse user may not read system.parts, so the sizes of the run’s tables cannot be known',
      { hint: 'GRANT SELECT ON system.parts TO …' },
    )
  }
  const { settings } = splitPort(asked.settings)
  const notInForce = sight.seesSettings
    ? await settingsNotInForce(http, settings, signal)
    : Object.entries(settings).map(([name, value]) => ({
        name,
        asked: value,
        inForce: 'not known: this user may not read system.settings',
      }))
  return { version, sight, notes: { settingsNotInForce: notInForce, unseen: unseenWithout(sight) } }
}

/** What this user may read of `system`. */
export interface Sight {
  readonly hidden: ReadonlySet<ClickHouseProbe>
  readonly seesSettings: boolean
}

export async function readSight(http: ClickHouseHttp, signal: AbortSignal): Promise<Sight> {
  const hidden = new Set<ClickHouseProbe>()
  for (const { probe, tables } of PROBE_SOURCES) {
    if (!(await mayReadAll(http, tables, signal))) hidden.add(probe)
  }
  return { hidden, seesSettings: await mayReadAll(http, SETTINGS_TABLES, signal) }
}

export function unseenWithout({ hidden, seesSettings }: Sight): readonly string[] {
  const grant = (tables: readonly string[]): string =>
    `GRANT SELECT ON ${tables.map((table) => `system.${table}`).join(', ')}`
  return [
    'CPU, memory and disk writes of the server are not seen: it runs apart from Headroom',
    ...PROBE_SOURCES.flatMap(({ probe, tables, shows }) =>
      hidden.has(probe) ? [`${shows} are not seen (${grant(tables)})`] : [],
    ),
    ...(hidden.has('events')
      ? []
      : ['inserts and merges count what everybody does on the server, not this run alone']),
    ...(seesSettings
      ? []
      : [`settings that differ from the defaults are not listed (${grant(SETTINGS_TABLES)})`]),
  ]
}

async function mayReadAll(
  http: ClickHouseHttp,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const table of tables) {
    if (!(await mayRead(http, table, signal))) return false
  }
  return true
}

async function mayRead(http: ClickHouseHttp, table: string, signal: AbortSignal): Promise<boolean> {
  try {
    await http.text(`SELECT 1 FROM system.${table} LIMIT 1`, { signal })
    return true
  } catch (error) {
    if (isAccessDenied(error)) return false
    throw error
  }
}

/** CHECK GRANT came with 24.10; an older server says it when the database is made. */
async function requireCreateDatabase(
  http: ClickHouseHttp,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const answer = await http
    .text(`CHECK GRANT CREATE DATABASE, DROP DATABASE ON ${name}.*`, { signal })
    .catch((error: unknown) => {
      if (error instanceof HeadroomError) throw error
      return 'unknown'
    })
  if (answer === '0') throw mayNotCreate()
}

export function mayNotCreate(): HeadroomError {
  return new HeadroomError(
    'ENGINE_RIGHTS_MISSING',
    'this ClickHouse user may not create and drop a database of its own',
    {
      hint: 'GRANT CREATE DATABASE, DROP DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, SELECT, INSERT, ALTER, TRUNCATE, OPTIMIZE ON `headroom_*`.* TO …',
    },
  )
}

async function inspectClickHouse(
  address: ClickHouseAddress,
  request: InspectionRequest,
): Promise<ServerInspection> {
  await using http = new ClickHouseHttp(address)
  const { version, notes } = await planOn(http, request)
  return {
    label: `clickhouse ${shortVersion(version)}`,
    connection: address.url.startsWith('https:')
      ? 'TLS, certificate and host name verified'
      : 'plain, as the DSN asks',
    creates: [`database ${request.ownName}`],
    notes,
  }
}

/** `26.7.3.1` → `26.7.3`. */
function shortVersion(version: string): string {
  return version.split('.').slice(0, 3).join('.')
}

async function dropLeftover(
  address: ClickHouseAddress,
  { name, mark }: CreatedThing,
  signal: AbortSignal,
): Promise<DropOutcome> {
  await using http = new ClickHouseHttp(address)
  // A row of one empty text would be no row at all in the answer.
  const rows = await http.rows(
    `SELECT 'there', comment FROM system.databases WHERE name = {name:String}`,
    { signal, parameters: { name } },
  )
  const row = rows[0]
  if (row === undefined) return { state: 'absent' }
  const found = row[1] ?? ''
  if (found !== mark) return { state: 'not-marked', found: found === '' ? null : found }
  await http.text(`DROP DATABASE IF EXISTS ${name} SYNC`, { signal })
  return { state: 'dropped' }
}
