/**
 * Size of every store that an engine opened, while a run lasts. In: stores and a cheap way to ask their size. Out: one
 * probe each: rows, and bytes per row of table, indexes and all together.
 */
import type { MetricId } from '../collect/metrics.ts'
import type { Probe, Sample } from '../collect/probe.ts'
import type { Store, StoreSize } from './engine.ts'

const EVERY_MS = 5_000

export class SizeProbes {
  readonly #probes = new Map<string, Probe>()

  get probes(): readonly Probe[] {
    return [...this.#probes.values()]
  }

  /** @param quickSize may estimate rows: it is asked every few seconds */
  watch(store: Store, quickSize: (signal: AbortSignal) => Promise<StoreSize>): Store {
    this.#probes.set(store.name, sizeProbe(store.name, quickSize))
    return store
  }
}

export function sizeProbe(
  name: string,
  quickSize: (signal: AbortSignal) => Promise<StoreSize>,
): Probe {
  return {
    name: `${name}.size`,
    intervalMs: EVERY_MS,
    sample: async (signal) => sizeSamples(name, await quickSize(signal)),
  }
}

function sizeSamples(store: string, size: StoreSize): readonly Sample[] {
  const sample = (metric: MetricId, value: number): Sample => ({ metric, label: store, value })
  const rows = sample('store.rows', size.rows)
  if (size.rows === 0) return [rows]
  return [
    rows,
    sample('store.heapBytesPerEvent', size.heapBytes / size.rows),
    sample('store.indexBytesPerEvent', size.indexBytes / size.rows),
    sample('store.bytesPerEvent', size.totalBytes / size.rows),
  ]
}
