/**
 * PostgreSQL's settings. In: what a target asks for. Out: what the server is started with: durable, sized for the
 * machine, everything else PostgreSQL's own default. Reads back what the server really uses.
 */
import { totalmem } from 'node:os'
import type { Client } from 'pg'
import type { EngineSettings, SettingNotInForce } from '../engine.ts'
import { checkSettings } from '../setting-names.ts'
import type { SettingValue } from './setting-value.ts'
import { isSameValue } from './setting-value.ts'

const RULES = {
  engine: 'postgres',
  // A configuration parameter, or one of an extension: `work_mem`, `pg_stat_statements.max`.
  name: /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/i,
  reserved: {
    data_directory: 'it is made for the run and removed after it',
    config_file: 'the file that initdb writes is used',
    hba_file: 'the file that initdb writes is used',
    ident_file: 'the file that initdb writes is used',
    external_pid_file: 'the server is known by its process',
    listen_addresses: 'an embedded server listens on 127.0.0.1 only',
    unix_socket_directories: 'an embedded server is reached by TCP',
    logging_collector: 'the log goes to the run’s folder',
    log_destination: 'the log goes to the run’s folder',
    ssl: 'an embedded server listens on 127.0.0.1 only',
    restore_command: 'where the archive lies is Headroom’s matter: set archive_mode',
    primary_conninfo: 'a replica is given the address of its primary',
    primary_slot_name: 'a replica is given a slot of its own',
  },
} as const

const MEBIBYTE = 2 ** 20
/** An eighth of the memory: engines, services and driver share the machine; 256 MiB keeps aging visible on big ones. */
const sharedBuffersMiB = Math.max(
  32,
  Math.min(256, Math.floor(totalmem() / 8 / MEBIBYTE)),
).toString()

const DEFAULTS: EngineSettings = {
  // A 2xx must mean what an architecture promises: power-loss safe unless a target says otherwise.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: `${sharedBuffersMiB}MB`,
  // Services, their replicas and the harness each keep a pool; PostgreSQL's 100 is one generous pool.
  max_connections: '200',
  shared_preload_libraries: 'pg_stat_statements',
  // One clock for logs, rows and records.
  timezone: 'UTC',
  log_timezone: 'UTC',
}

/** @throws HeadroomError BAD_INPUT for names that cannot be settings and for those the harness keeps */
export function serverSettings(asked: EngineSettings): EngineSettings {
  checkSettings(asked, RULES)
  return {
    ...DEFAULTS,
    ...lowerCaseNames(asked),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    logging_collector: 'off',
  }
}

/**
 * The same for a server in a container: it listens inside its own network, and the image keeps its socket and its log.
 * @throws HeadroomError BAD_INPUT
 */
export function containerSettings(asked: EngineSettings): EngineSettings {
  checkSettings(asked, RULES)
  return { ...DEFAULTS, ...lowerCaseNames(asked), listen_addresses: '*' }
}

/**
 * Asked of an external server, whose settings are never changed: what it does not use as asked.
 * @throws HeadroomError BAD_INPUT
 */
export async function settingsNotInForce(
  client: Client,
  asked: EngineSettings,
): Promise<readonly SettingNotInForce[]> {
  checkSettings(asked, RULES)
  const differing: SettingNotInForce[] = []
  for (const [name, value] of Object.entries(asked)) {
    const setting = await readSetting(client, name)
    if (setting.state === 'known' && isSameValue(setting, value)) continue
    const inForce = setting.state === 'known' ? setting.shown : setting.because
    differing.push({ name, asked: value, inForce })
  }
  return differing
}

type ReadSetting =
  | ({ readonly state: 'known'; readonly shown: string } & SettingValue)
  | { readonly state: 'unknown'; readonly because: string }

/** pg_settings leaves out what the role may not see, and an extension's setting while it is not loaded. */
async function readSetting(client: Client, name: string): Promise<ReadSetting> {
  const { rows } = await client.query<SettingValue & { readonly shown: string }>(
    `SELECT setting, unit, vartype, current_setting(name) AS shown
       FROM pg_settings WHERE lower(name) = lower($1)`,
    [name],
  )
  const row = rows[0]
  if (row !== undefined) return { state: 'known', ...row }
  return {
    state: 'unknown',
    because: 'not known: the server has it not, or hides it from this role',
  }
}

/** Settings whose value differs from PostgreSQL's built-in default, in the units `SHOW` prints; no secrets. */
export async function nonDefaultSettings(client: Client): Promise<EngineSettings> {
  // Who prepares a server commits without a replica; what is recorded is the server's, not this session's.
  await client.query('RESET synchronous_commit')
  const answer = await client.query<{ name: string; value: string }>(
    `SELECT name, current_setting(name) AS value
       FROM pg_settings
      WHERE setting IS DISTINCT FROM boot_val
        -- Chosen when the cluster was made, and how often a checkpoint comes depends on it.
        AND (name = 'wal_segment_size'
             OR source NOT IN ('default', 'client', 'session') AND context <> 'internal')
        AND name NOT IN (${NOT_RECORDED.map((name) => `'${name}'`).join(', ')})
      ORDER BY name`,
  )
  return Object.fromEntries(answer.rows.map((row) => [row.name, row.value]))
}

/** Paths, addresses and connection strings: they differ between any two runs, and some hold a password. */
const NOT_RECORDED = [
  'config_file',
  'hba_file',
  'ident_file',
  'data_directory',
  'external_pid_file',
  'listen_addresses',
  'port',
  'unix_socket_directories',
  'primary_conninfo',
  'extension_control_path',
  'dynamic_library_path',
  'archive_command',
  'restore_command',
  'application_name',
  'ssl_passphrase_command',
  'krb_server_keyfile',
]

function lowerCaseNames(settings: EngineSettings): EngineSettings {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name.toLowerCase(), value]),
  )
}
