/** Redis's figures while a run lasts. In: a connection. Out: one probe that reads INFO: memory, commands, evictions, hits. */
import type { MetricId } from '../../collect/metrics.ts'
import type { Probe, Sample } from '../../collect/probe.ts'
import type { RedisReading } from './reading.ts'

const EVERY_MS = 1_000

const FIGURES: readonly (readonly [field: string, metric: MetricId])[] = [
  ['used_memory', 'redis.memoryBytes'],
  ['total_commands_processed', 'redis.commands'],
  ['evicted_keys', 'redis.evictedKeys'],
  ['connected_clients', 'redis.clients'],
  ['aof_delayed_fsync', 'redis.delayedFsyncs'],
]

export function redisProbes(reading: RedisReading): readonly Probe[] {
  const hits = new KeyHits()
  return [
    {
      name: 'redis-info',
      intervalMs: EVERY_MS,
      sample: (signal) =>
        reading.use(signal, async (redis) => {
          const info = parseInfo(await redis.info())
          return [...figuresIn(info), ...hits.next(info)]
        }),
    },
  ]
}

export type Info = ReadonlyMap<string, string>

/** `field:value` lines; headings and blank lines are left out. */
export function parseInfo(text: string): Info {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'))
  return new Map(
    lines.map((line) => {
      const at = line.indexOf(':')
      return [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}

/** A server without an append-only file does not say how its flushes went. */
function figuresIn(info: Info): readonly Sample[] {
  return FIGURES.flatMap(([field, metric]) => {
    const value = info.get(field)
    return value === undefined ? [] : [{ metric, label: null, value: Number(value) }]
  })
}

/** Of the keys looked up since the last sample, how many were there. */
class KeyHits {
  #hits = 0
  #misses = 0

  next(info: Info): readonly Sample[] {
    const hits = Number(info.get('keyspace_hits'))
    const misses = Number(info.get('keyspace_misses'))
    const hitNow = hits - this.#hits
    const missedNow = misses - this.#misses
    this.#hits = hits
    this.#misses = misses
    // A restart begins the counters again.
    if (hitNow < 0 || missedNow < 0 || hitNow + missedNow === 0) return []
    return [{ metric: 'redis.hitRatio', label: null, value: hitNow / (hitNow + missedNow) }]
  }
}
