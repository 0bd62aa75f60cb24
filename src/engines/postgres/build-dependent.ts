/**
 * Settings whose values depend on how PostgreSQL was built: `wal_compression: lz4`. A server that does not know the value
 * would not start, so they are set once it has said what it knows. In: what a target asks for. Out: what is not in force.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import type { EngineSettings, SettingNotInForce } from '../engine.ts'

/** Each with the values that every build has. */
const ALWAYS: Readonly<Record<string, readonly string[]>> = {
  wal_compression: ['on', 'off', 'true', 'false', 'yes', 'no', '1', '0'],
  default_toast_compression: [],
}
/** A reload reaches a session between two of its statements. */
const RELOAD_POLLS_MAX = 100
const RELOAD_POLL_MS = 20

export interface SplitSettings {
  /** What the server is started with. */
  readonly start: EngineSettings
  /** What is set behind it. */
  readonly later: EngineSettings
}

export function withoutBuildDependent(settings: EngineSettings): SplitSettings {
  const isLater = ([name, value]: readonly [string, string]): boolean =>
    ALWAYS[name]?.includes(value.toLowerCase()) === false
  const entries = Object.entries(settings)
  return {
    start: Object.fromEntries(entries.filter((entry) => !isLater(entry))),
    later: Object.fromEntries(entries.filter(isLater)),
  }
}

/** For good: a server that is started again has them too. */
export async function setBuildDependent(
  client: Client,
  settings: EngineSettings,
): Promise<readonly SettingNotInForce[]> {
  const notInForce: SettingNotInForce[] = []
  for (const [name, asked] of Object.entries(settings)) {
    const { rows } = await client.query<{ values: readonly string[]; shown: string }>(
      'SELECT enumvals AS values, setting AS shown FROM pg_settings WHERE name = $1',
      [name],
    )
    const { values = [], shown = 'nothing' } = rows[0] ?? {}
    if (values.includes(asked.toLowerCase())) {
      await set(client, name, asked.toLowerCase())
    } else {
      const inForce = `${shown} (this build of PostgreSQL offers ${values.join(', ')})`
      notInForce.push({ name, asked, inForce })
    }
  }
  return notInForce
}

async function set(client: Client, name: string, value: string): Promise<void> {
  await client.query(`ALTER SYSTEM SET ${name} = '${value}'`)
  await client.query('SELECT pg_reload_conf()')
  for (let poll = 0; poll < RELOAD_POLLS_MAX; poll++) {
    const { rows } = await client.query<{ shown: string }>('SELECT current_setting($1) AS shown', [
      name,
    ])
    if (rows[0]?.shown === value) return
    await delay(RELOAD_POLL_MS)
  }
  throw new Error(`${name} = ${value} was set and did not come into force`)
}
