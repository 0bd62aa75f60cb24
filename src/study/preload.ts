/** Fills every store with the scenario's initial rows through bulk load, before anything is measured. */
import type { Store } from '../engines/engine.ts'
import { preloadRows } from '../shapes/preload.ts'
import type { EventStream } from '../shapes/stream.ts'

export async function preload(
  stores: readonly Store[],
  {
    stream,
    rows,
    signal,
  }: { readonly stream: EventStream; readonly rows: number; readonly signal: AbortSignal },
): Promise<void> {
  if (rows === 0) return
  for (const store of stores) await store.load(preloadRows(stream, rows), signal)
}
