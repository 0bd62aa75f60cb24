/** Counters as rates. In: running totals with their moments. Out: what they grew by per second. */
import { metricKey } from './metrics.ts'
import type { MetricId } from './metrics.ts'

/** Which gauge a counter's growth per second is. The label stays. */
export const RATE_OF_COUNTER: ReadonlyMap<string, MetricId> = new Map<MetricId, MetricId>([
  ['wal.bytes', 'wal.bytesPerS'],
  ['wal.fpiBytes', 'wal.fpiBytesPerS'],
  ['cpu.seconds', 'cpu.cores'],
  ['disk.writeBytes', 'disk.writeBytesPerS'],
  ['redis.commands', 'redis.commandsPerS'],
])

/**
 * What a counter grew by from one reading to the next. An engine that starts again counts from zero again: then at
 * least what it shows now has been counted since.
 */
export function growth(before: number, now: number): number {
  return now >= before ? now - before : now
}

/** Remembers every counter's last reading and turns the next one into a rate. */
export class CounterRates {
  readonly #last = new Map<string, { readonly t: number; readonly value: number }>()

  /** The rate's key and its value per second since the reading before; null for the first, or without a rate metric. */
  next(
    counter: { readonly id: string; readonly label: string | null },
    reading: { readonly t: number; readonly value: number },
  ): { readonly key: string; readonly perS: number } | null {
    const rateId = RATE_OF_COUNTER.get(counter.id)
    if (rateId === undefined) return null
    const key = metricKey(counter.id, counter.label)
    const before = this.#last.get(key)
    this.#last.set(key, reading)
    if (before === undefined || reading.t <= before.t) return null
    const perS = growth(before.value, reading.value) / ((reading.t - before.t) / 1_000)
    return { key: metricKey(rateId, counter.label), perS }
  }
}
