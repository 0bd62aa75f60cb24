/**
 * Which stores a restore takes anything from. In: what was restored, by role, and where stores are. Out: by the name of a
 * store, what is excused there; a store on another engine is not in it, unless its promise says that it is lost with this one.
 */
import type { StorePromise } from '../architecture/architecture.ts'
import type { Restore } from '../audit/restores.ts'
import type { RunningEngine, Store } from '../engines/engine.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { FaultMark } from './faults.ts'

/** What is running, as little of it as this asks of it. */
export interface RestoredTarget {
  readonly engines: readonly {
    readonly role: string
    readonly engine: Pick<RunningEngine, 'kind' | 'name'>
  }[]
  readonly running: {
    readonly stores: readonly Pick<Store, 'name' | 'engine'>[]
    readonly projections?: readonly Pick<Store, 'name' | 'engine'>[]
  }
  readonly promises: {
    readonly stores: readonly Pick<StorePromise, 'store' | 'lostWith'>[]
    readonly projections?: readonly Pick<StorePromise, 'store' | 'lostWith'>[]
  }
}

export function restoresOf(
  { engines, running, promises }: RestoredTarget,
  faults: readonly Pick<FaultMark, 'on' | 'toMs' | 'restored'>[],
  { requestTimeoutMs }: Pick<Scenario, 'requestTimeoutMs'>,
): ReadonlyMap<string, readonly Restore[]> {
  const found = new Map<string, readonly Restore[]>()
  for (const { on, toMs, restored } of faults) {
    if (restored === undefined) continue
    // An answer may be late by this much: later ones are of requests that the restored database took.
    const restore = { ...restored, lostUntilMs: toMs + requestTimeoutMs }
    const engine = engines.find(({ role }) => role === on)?.engine
    for (const { name, engine: kind } of keptIn(running)) {
      const lostWith = lostWithOf(promises, name)
      if (engine === undefined || (engine.kind !== kind && !lostWith.includes(engine.name)))
        continue
      found.set(name, [...(found.get(name) ?? []), restore])
    }
  }
  return found
}

function keptIn({
  stores,
  projections = [],
}: RestoredTarget['running']): readonly Pick<Store, 'name' | 'engine'>[] {
  return [...stores, ...projections]
}

function lostWithOf(
  { stores, projections = [] }: RestoredTarget['promises'],
  name: string,
): readonly string[] {
  return [...stores, ...projections].find(({ store }) => store === name)?.lostWith ?? []
}
