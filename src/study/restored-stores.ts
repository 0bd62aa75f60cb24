/**
 * Which stores a fault takes anything from. In: what was killed and restored, and where stores are. Out: by the name of a
 * store, what is excused there. A restore excuses stores on its own engine, and those whose promise says that they are lost
 * with it; a death, only stores that promise to survive none and name it.
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
    readonly stores: readonly Pick<StorePromise, 'store' | 'lostWith' | 'survives'>[]
    readonly projections?: readonly Pick<StorePromise, 'store' | 'lostWith' | 'survives'>[]
  }
}

type Fault = Pick<FaultMark, 'kind' | 'on' | 'begun' | 'toMs' | 'restored'>

export function restoresOf(
  target: RestoredTarget,
  faults: readonly Fault[],
  { requestTimeoutMs }: Pick<Scenario, 'requestTimeoutMs'>,
): ReadonlyMap<string, readonly Restore[]> {
  const found = new Map<string, readonly Restore[]>()
  for (const fault of faults) {
    // An answer may be late by this much: later ones are of requests that it took when it was back.
    const lostUntilMs = fault.toMs + requestTimeoutMs
    for (const store of keptIn(target.running)) {
      const excused = excusedBy(fault, store, target)
      if (excused === null) continue
      found.set(store.name, [...(found.get(store.name) ?? []), { ...excused, lostUntilMs }])
    }
  }
  return found
}

function excusedBy(
  fault: Fault,
  store: Pick<Store, 'name' | 'engine'>,
  { engines, promises }: RestoredTarget,
): Omit<Restore, 'lostUntilMs'> | null {
  const { lostWith, survives } = promiseOf(promises, store.name)
  const engine = engines.find(({ role }) => role === fault.on)?.engine
  const died = diedBy(fault, engine)
  if (survives === 'nothing' && died !== null && lostWith.includes(died))
    return { killed: died, upTo: 'the start', keptUntilMs: 0 }
  if (fault.restored === undefined || engine === undefined) return null
  return engine.kind === store.engine || lostWith.includes(engine.name) ? fault.restored : null
}

/** What is restored was down before: tables that no death spares are as empty as after any other. */
function diedBy(
  { kind, on, begun, restored }: Fault,
  engine: Pick<RunningEngine, 'name'> | undefined,
): string | null {
  if (kind === 'kill' && begun) return on
  return restored === undefined || engine === undefined ? null : engine.name
}

function keptIn({
  stores,
  projections = [],
}: RestoredTarget['running']): readonly Pick<Store, 'name' | 'engine'>[] {
  return [...stores, ...projections]
}

function promiseOf(
  { stores, projections = [] }: RestoredTarget['promises'],
  name: string,
): Pick<StorePromise, 'survives'> & { readonly lostWith: readonly string[] } {
  const { lostWith = [], survives = 'node-loss' } =
    [...stores, ...projections].find(({ store }) => store === name) ?? {}
  return { lostWith, survives }
}
