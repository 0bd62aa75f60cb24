/** The keys that a run makes on a user's own Redis: all begin with its name, and one of them says whose they are. */
import type { Redis } from 'ioredis'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import type { CreatedThing, DropOutcome } from '../own-server.ts'
import type { RedisAddress } from './address.ts'
import { isNoPermission, sayRedis, withRedis } from './connection.ts'

const SCAN_KEYS = 1_000

/** @throws HeadroomError ENGINE_RIGHTS_MISSING */
export async function markKeys(
  address: RedisAddress,
  { name, mark }: Pick<CreatedThing, 'name' | 'mark'>,
  signal: AbortSignal,
): Promise<void> {
  await withRedis(address, signal, async (redis) => {
    try {
      await redis.set(markOf(name), mark)
    } catch (error) {
      if (!isNoPermission(error)) throw error
      throw new HeadroomError(
        'ENGINE_RIGHTS_MISSING',
        `Redis at ${sayRedis(address)} does not let this user write keys of its own: ${messageOf(error)}`,
        { hint: 'ACL SETUSER … ~headroom_* +@all -@dangerous +scan +unlink', cause: error },
      )
    }
  })
}

export async function removeKeys(
  address: RedisAddress,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await withRedis(address, signal, (redis) => unlinkAll(redis, name))
}

/** Only what carries the mark of that run. */
export async function dropKeys(
  address: RedisAddress,
  { name, mark }: CreatedThing,
  signal: AbortSignal,
): Promise<DropOutcome> {
  return await withRedis(address, signal, async (redis) => {
    const found = await redis.get(markOf(name))
    if (found === mark) {
      await unlinkAll(redis, name)
      return { state: 'dropped' }
    }
    if (found !== null) return { state: 'not-marked', found }
    const [, keys] = await redis.scan(0, 'MATCH', `${name}:*`, 'COUNT', SCAN_KEYS)
    return keys.length === 0 ? { state: 'absent' } : { state: 'not-marked', found: null }
  })
}

/** The mark goes last: what is cut short can be gone on with. */
async function unlinkAll(redis: Redis, name: string): Promise<void> {
  const marker = markOf(name)
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${name}:*`, 'COUNT', SCAN_KEYS)
    const others = keys.filter((key) => key !== marker)
    if (others.length > 0) await redis.unlink(...others)
    cursor = next
  } while (cursor !== '0')
  await redis.unlink(marker)
}

/** Names of ours hold letters, digits and underscores only: nothing that MATCH would take for a pattern. */
function markOf(name: string): string {
  return `${name}:whose`
}
