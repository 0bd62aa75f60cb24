/**
 * The user's own Redis: how it is named and looked at. No architecture writes to Redis yet, so no run makes anything
 * there; what one would make are keys below a prefix of its own.
 */
import type { Redis } from 'ioredis'
import { messageOf } from '../../kit/errors.ts'
import type { SettingNotInForce } from '../engine.ts'
import type { InspectionRequest, OwnServer, ServerInspection } from '../own-server.ts'
import type { RedisAddress } from './address.ts'
import { parseRedisAddress, redisWarnings } from './address.ts'
import { isNoPermission, sayRedis, withRedis } from './connection.ts'

export const ownRedis: OwnServer<RedisAddress> = {
  parse: parseRedisAddress,
  secretsOf: ({ password, tls }) => [
    ...(password === undefined ? [] : [password]),
    ...(tls === 'off' || tls.client === null ? [] : [tls.client.key]),
  ],
  say: sayRedis,
  warningsOf: redisWarnings,
  inspect: inspectRedis,
  dropLeftover: null,
}

async function inspectRedis(
  address: RedisAddress,
  { settings, ownName, signal }: InspectionRequest,
): Promise<ServerInspection> {
  return await withRedis(address, signal, async (redis) => {
    const version = await allowed(async () => versionIn(await redis.info('server')))
    const notInForce: SettingNotInForce[] = []
    for (const [name, asked] of Object.entries(settings)) {
      const inForce = await allowed(() => settingOf(redis, name))
      if (inForce === asked) continue
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
