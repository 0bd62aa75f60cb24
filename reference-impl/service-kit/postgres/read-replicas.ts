/**
 * Streaming replicas behind a primary, as an architecture has them: what it needs, what is made on the primary for their
 * sake, what a 2xx promises of each, and how each is read whole.
 */
import type { StorePromise } from '../../../src/architecture/architecture.ts'
import type {
  EventsStoreOptions,
  RunningEngine,
  Store,
  StoringEngine,
} from '../../../src/engines/engine.ts'
import { applySchema } from '../schema-script.ts'
import { replicaStore } from './replicated-ingest.ts'
import { commitWaitsFor, waitsWords } from './synchronous.ts'

export const READ_REPLICAS = { kind: 'postgres', of: 'database', many: true } as const

export async function applyHeartbeat(
  primary: RunningEngine<'postgres'>,
  signal: AbortSignal,
): Promise<void> {
  await applySchema(primary, 'service-kit/freshness/heartbeat.sql', { variant: 'all', signal })
}

export interface ReplicatedPromise {
  /** What a commit waits for, to stand behind what an accepted event is; or nothing. */
  readonly waits: string
  /** The primary's first. */
  readonly stores: readonly StorePromise[]
}

/** @param primary what is promised of the same rows there */
export function replicatedPromise(
  primary: StorePromise,
  engine: Readonly<Record<string, string>>,
  replicas: number,
): ReplicatedPromise {
  if (replicas === 0) return { waits: '', stores: [primary] }
  const waits = commitWaitsFor(engine, replicas)
  // Whoever else holds it on disk still has it when the machine is gone: by design, not tested here.
  const isElsewhere = waits.what === 'flushed' || waits.what === 'replayed'
  const survives = isElsewhere && primary.survives === 'power-loss' ? 'node-loss' : primary.survives
  const readAfterAck =
    waits.what === 'replayed' && waits.replicas === replicas ? 'at-once' : 'eventually'
  return {
    waits: waitsWords(waits),
    stores: [
      { ...primary, survives },
      ...Array.from({ length: replicas }, (_, index): StorePromise => ({
        ...primary,
        store: replicaStore(index),
        survives,
        readAfterAck,
      })),
    ],
  }
}

/** @param beside tables whose bytes are the store's too */
export function replicaStores(
  replicas: readonly StoringEngine<'postgres'>[],
  { beside = [] }: Pick<EventsStoreOptions, 'beside'> = {},
): readonly Store[] {
  return replicas.map((engine, index) =>
    engine.eventsStore({ name: replicaStore(index), table: 'events', readable: 'events', beside }),
  )
}
