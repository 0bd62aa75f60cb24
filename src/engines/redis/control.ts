/** What the harness asks of a Redis between phases. */
import type { EngineControl, EngineSettings } from '../engine.ts'
import type { RedisReading } from './reading.ts'

export function redisControl(reading: RedisReading): EngineControl {
  return {
    checkpoint: () => Promise.resolve('nothing-to-do'),
    execute: (script, signal) =>
      reading.use(signal, async (redis) => {
        for (const line of script.split('\n')) {
          const [command, ...args] = wordsOf(line)
          if (command !== undefined) await redis.call(command, ...args)
        }
      }),
  }
}

/** `redis 8.0.2`'s own number, and what it uses of the settings named. */
export async function askRedis(
  reading: RedisReading,
  names: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly version: string; readonly settings: EngineSettings }> {
  return await reading.use(signal, async (redis) => {
    const version = /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'unknown'
    const settings: Record<string, string> = {}
    for (const name of names) {
      const [, value] = (await redis.config('GET', name)) as readonly string[]
      if (value !== undefined) settings[name] = value
    }
    return { version, settings }
  })
}

/** Words by spaces; "several words" are one in double quotes. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) =>
    quoted === undefined ? (bare ?? '') : quoted.replaceAll(/\\(.)/g, '$1'),
  )
}
