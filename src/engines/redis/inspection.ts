/** Looks at a user's own Redis without making anything there: version, settings in force, and what this user may do. */
import type { Redis } from 'ioredis'
import { messageOf } from '../../kit/errors.ts'
import type { EngineSettings, SettingNotInForce } from '../engine.ts'
import type { InspectionRequest, ServerInspection } from '../own-server.ts'
import type { RedisAddress } from './address.ts'
import { isNoPermission, withRedis } from './connection.ts'
import { TELLING_SETTINGS } from './settings.ts'

export async function inspectRedis(
  address: RedisAddress,
  { settings, ownName, signal }: InspectionRequest,
): Promise<ServerInspection> {
  return await withRedis(address, signal, async (redis) => {
    const version = await allowed(async () => versionIn(await redis.info('server')))
    const notInForce: SettingNotInForce[] = []
    for (const [name, asked] of Object.entries(settings)) {
      const inForce = await allowed(() => settingOf(redis, name))
      if (inForce !== null && isSameValue(inForce, asked)) continue
      const because = 'not known: this user may not run CONFIG GET, or there is no such setting'
      notInForce.push({ name, asked, inForce: inForce ?? because })
    }
    return {
      label: version === null ? 'redis' : `redis ${version}`,
      connection:
        address.tls === 'off'
          ? 'plain, as the DSN asks'
          : 'TLS, certificate and host name verified',
      creates: [`keys that begin with ${ownName}:`],
      notes: {
        settingsNotInForce: notInForce,
        unseen: [
          'CPU, memory and disk writes of the server are not seen: it runs apart from Headroom',
          ...(version === null ? ['its version is not seen (ACL SETUSER … +info)'] : []),
          ...(await unseenOf(redis, ownName)),
        ],
      },
    }
  })
}

/** What a run would need, asked without doing it: ACL DRYRUN came with Redis 7. */
async function unseenOf(redis: Redis, ownName: string): Promise<readonly string[]> {
  const user = await allowed(async () => String(await redis.call('ACL', 'WHOAMI')))
  if (user === null)
    return ['whether this user may write keys of its own is not known (ACL SETUSER … +acl|whoami)']
  const tried = await allowed(async () =>
    String(
      await redis.call('ACL', 'DRYRUN', user, 'XADD', `${ownName}:log`, '*', 'field', 'value'),
    ),
  )
  if (tried === null) {
    return ['whether this user may write keys of its own is not known (ACL SETUSER … +acl|dryrun)']
  }
  return tried === 'OK'
    ? []
    : [`writing keys of its own is refused: ${tried} (ACL SETUSER … ~headroom_* +@write)`]
}

/** null where the ACL, or the version, does not allow the question. */
async function allowed<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask()
  } catch (error) {
    if (isNoPermission(error) || /^ERR unknown/i.test(messageOf(error))) return null
    throw error
  }
}

function versionIn(info: string): string {
  return /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'of an unknown version'
}

async function settingOf(redis: Redis, name: string): Promise<string | null> {
  const answer = (await redis.config('GET', name)) as readonly string[]
  return answer[1] ?? null
}

/** As far as this user may ask. */
export async function versionAndSettings(
  redis: Redis,
): Promise<{ readonly version: string; readonly settings: EngineSettings }> {
  const version = await allowed(async () => versionIn(await redis.info('server')))
  const settings: Record<string, string> = {}
  for (const name of TELLING_SETTINGS) {
    const value = await allowed(() => settingOf(redis, name))
    if (value !== null) settings[name] = value
  }
  return { version: version ?? 'of an unknown version', settings }
}

/** `512mb` is shown as 536870912, `""` as nothing. */
function isSameValue(inForce: string, asked: string): boolean {
  return inForce === asked || bytesIn(asked) === inForce
}

function bytesIn(text: string): string | null {
  const found = /^(\d+)(k|kb|m|mb|g|gb)$/i.exec(text)
  if (found === null) return null
  const unit = (found[2] ?? '').toLowerCase()
  const base = unit.endsWith('b') ? 1_024 : 1_000
  return String(Number(found[1]) * base ** ('kmg'.indexOf(unit[0] ?? 'k') + 1))
}
