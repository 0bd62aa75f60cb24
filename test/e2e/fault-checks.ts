/** What is true of fault scenarios: what was lost and kept, by id, and what each fault is about. In: the run. Out: nothing, or a failure. */
import { expect } from 'vitest'
import { firstAbove, highest, looksAt, lostByAck, lowest, type Met } from './fault-met.ts'

/** What climbs is more than this many times what it was. */
const CLIMBED_FACTOR = 2
/** More than wait for the next look of a worker that is there. */
const RATHER_MANY_ROWS = 20

/** triggers/e9-replica-lag.yaml */
const E9_WARNING_S = 1

export const FLUSH_MS = 1_000
export const LEASE_MS = 5_000

export const CRITICAL_OPEN = 'replica.breakerOpenRatio{replica-1 critical}'
export const ANALYTICS_OPEN = 'replica.breakerOpenRatio{replica-1 analytics}'
export const STALLED_LAG = 'slot.lagBytes{headroom_stalled}'
export const STALLED_LOST = 'slot.walStatus{headroom_stalled: lost, unread}'
export const HELD_BY_THE_FAULT = /horizon\.holderAgeTransactions\{session headroom-fault/

/** Every acknowledged event is in every store, by id. */
function missesNothing({ audit }: Met): void {
  const lost = audit.stores.map(({ store, lost, lostEvents }) => ({ store, lost, lostEvents }))
  expect(lost).toEqual(audit.stores.map(({ store }) => ({ store, lost: [], lostEvents: 0 })))
  expect(lost.length).toBeGreaterThan(0)
}

/** And there is nothing that the promise has to excuse. */
export function losesNothing(met: Met): void {
  missesNothing(met)
  expect(new Set(met.audit.stores.map(({ verdict }) => verdict))).toEqual(new Set(['whole']))
}

export function keepsItsPromise({ audit }: Met): void {
  expect(audit.stores.map(({ verdict }) => verdict)).not.toContain('broken')
}

/** Who held the horizon while the first fault lasted: among what rose most are eight at most. */
export function held({ faults, series }: Met): string {
  const { fromMs = 0, toMs = 0 } = faults[0] ?? {}
  const during = series.filter(({ t }) => t > fromMs && t <= toMs)
  return during
    .flatMap(({ v }) => Object.keys(v).filter((key) => key.startsWith('horizon.')))
    .join(' ')
}

/** Every lost event, by id, was answered after what the restore had to bring back; told from the driver's own notes. */
export async function keepsWhatIsRestored(met: Met): Promise<void> {
  keepsItsPromise(met)
  const until = keptUntilMs(met)
  for (const ackMs of await everyLost(met)) expect(ackMs).toBeGreaterThan(until - 10)
}

/** @returns the bound, ms after the epoch */
export function keptUntilMs({ faults }: Met): number {
  const until = faults[0]?.restored?.keptUntilMs
  if (until === undefined) throw new Error('nothing was restored')
  return until
}

/** @returns when each lost event was acknowledged */
async function everyLost(met: Met): Promise<readonly number[]> {
  const { ackMsById, answeredEvents } = await lostByAck(met)
  // The list of ids is whole, and each is one that was acknowledged.
  expect(ackMsById.size).toBe(met.audit.stores.reduce((sum, { lostEvents }) => sum + lostEvents, 0))
  expect(answeredEvents).toBeGreaterThan(ackMsById.size)
  return [...ackMsById.values()]
}

/** H14: whatever a flush had the time to move is there; a busy machine may let one flush wait for the next. */
export async function losesOnlyWhatWasStaged(met: Met): Promise<void> {
  const { fromMs = 0, toMs = 0 } = met.faults[0] ?? {}
  for (const ackMs of await everyLost(met)) {
    expect(ackMs).toBeGreaterThan(fromMs - 2 * FLUSH_MS)
    // What was answered when it was back is flushed as ever.
    expect(ackMs).toBeLessThan(toMs)
  }
}

/** H15: every consumer has seen every event. */
export function deliversEverything(met: Met): void {
  missesNothing(met)
  keepsItsPromise(met)
}

/** H15: under a lease nobody else has what the dead one had claimed; then it is claimed once more. */
export function deliversWhatTheDeadHadClaimed(met: Met): void {
  const { fromMs = 0 } = met.faults[0] ?? {}
  const reclaimed = 'outbox.reclaimedRows{worker}'
  const againMs = firstAbove(met, reclaimed, 0)
  if (againMs === null) throw new Error('nothing was claimed again')
  // A claim that was under way may be somewhat older than the death.
  expect(againMs).toBeGreaterThan(fromMs + LEASE_MS / 2)
  expect(highest(met, 'outbox.oldestPendingS{1}') * 1_000).toBeGreaterThan(LEASE_MS / 2)
  // Its claims were made one after the other, and so their leases end; what is claimed again after that, would be a third time.
  const onceMs = againMs + LEASE_MS
  const again = highest(met, reclaimed, againMs - 1, onceMs)
  expect(highest(met, reclaimed, onceMs)).toBe(again)
  // And no row is given up.
  expect(highest(met, 'outbox.deadRows{1}')).toBe(0)
  const delivered = met.audit.stores.find(({ store }) => store.endsWith('delivered_1'))
  const { storedRows = 0, duplicatedRows = 0, readableEvents } = delivered ?? {}
  // What the dead one had delivered and not completed comes twice; nothing else does.
  expect(duplicatedRows).toBeLessThanOrEqual(again)
  expect(readableEvents).toBe(storedRows - duplicatedRows)
}

/** H12: 200 ms are within the budget of searches, four seconds are not. */
export function opensOnceBeyondItsBudget(met: Met): void {
  const [within, beyond] = met.faults
  // The end of one takes back what the other began.
  expect(within?.toMs).toBeLessThan(beyond?.fromMs ?? 0)
  const openings = (fromMs?: number, toMs?: number): number =>
    highest(met, 'replica.breakerOpenings{replica-1 search}', fromMs, toMs)
  const before = openings(-Infinity, within?.fromMs)
  expect(openings(-Infinity, beyond?.fromMs)).toBe(before)
  expect(openings()).toBe(before + 1)
  const open = 'replica.breakerOpenRatio{replica-1 search}'
  expect(highest(met, open, beyond?.fromMs)).toBe(1)
  expect(looksAt(met, open).at(-1)).toBe(0)
  // Critical reads have 50 ms: theirs opens on both.
  for (const fault of [within, beyond]) {
    expect(highest(met, CRITICAL_OPEN, fault?.fromMs, fault?.toMs)).toBe(1)
    expect(highest(met, ANALYTICS_OPEN, fault?.fromMs, fault?.toMs)).toBe(0)
  }
}

/** H16: no vacuum takes a dead row away while the snapshot is held, and one does afterwards. */
export function keepsDeadRows(met: Met, table: string): void {
  const { fromMs = 0, toMs = 0 } = met.faults[0] ?? {}
  const grown = (...keys: readonly string[]): number =>
    keys.reduce((sum, key) => {
      const held = looksAt(met, `table.${key}{${table}}`, fromMs, toMs)
      expect(held.length).toBeGreaterThan(1)
      return sum + (held.at(-1) ?? 0) - (held[0] ?? 0)
    }, 0)
  expect(grown('updates', 'deletes')).toBeGreaterThan(0)
  // Reckoned by the server itself, so not to the row.
  expect(grown('deadRows')).toBeGreaterThan(grown('updates', 'deletes') / 2)
  const key = `table.deadRows{${table}}`
  expect(lowest(met, key, toMs)).toBeLessThan(highest(met, key, fromMs, toMs) / 2)
}

/** H20: a repeat costs DO NOTHING a look, and DO UPDATE a version of the row. */
export function repeatsCostUpdates(met: Met, update: Met | null): void {
  if (update === null) throw new Error('nothing was compared with')
  const [repeats = 0, same] = [met, update].map(({ measured }) =>
    measured.steps.reduce((sum, { counts }) => sum + counts.duplicate, 0),
  )
  expect(repeats).toBeGreaterThan(0)
  expect(same).toBe(repeats)
  expect(highest(met, 'table.updates{events}')).toBe(0)
  // Those that share a statement with the first of their id are dropped before it.
  expect(highest(update, 'table.updates{events}')).toBeGreaterThan(repeats / 2)
  const figure = ({ measured }: Met, key: string): number => measured.metrics[key] ?? Number.NaN
  for (const key of ['table.deadRows{events}', 'wal.bytesPerEvent']) {
    expect(figure(update, key)).toBeGreaterThan(figure(met, key))
  }
}

/** H13: entities are read from the cache before and after it was away and without it meanwhile, and always as acknowledged. */
export function readsGoOn(met: Met): void {
  const { fromMs = 0, toMs = 0 } = met.faults[0] ?? {}
  const hits = 'cache.hits{service}'
  expect(highest(met, hits, -Infinity, fromMs)).toBeGreaterThan(0)
  expect(looksAt(met, 'query.seconds{entity}', fromMs, toMs).length).toBeGreaterThan(10)
  expect(highest(met, hits, toMs)).toBeGreaterThan(highest(met, hits, fromMs, toMs))
  // What was written while it was away is not in it.
  expect(highest(met, 'cache.misses{service}')).toBeGreaterThan(0)
  const reads = met.measured.queries.find(({ name }) => name === 'entity')
  expect(reads).toMatchObject({ failed: 0, staleRatio: 0, lackingRatio: 0 })
  expect(reads?.compared).toBe(reads?.answered)
}

/** H16: by a factor, not as every second of a run does. */
export function climbs(met: Met, key: string): void {
  const { fromMs, toMs } = met.faults[0] ?? {}
  const before = highest(met, key, -Infinity, fromMs)
  expect(highest(met, key, fromMs, toMs)).toBeGreaterThan(before * CLIMBED_FACTOR)
}

/** H16: index entries that a claimed row costs, as the server counts them: every claim walks past those of dead rows. */
export function claimsReadMore(met: Met): void {
  const { fromMs = 0, toMs = 0 } = met.faults[0] ?? {}
  const perRow = (from: number, to: number): number => {
    const grown = (key: string): number => {
      const looks = looksAt(met, key, from, to)
      expect(looks.length).toBeGreaterThan(1)
      return (looks.at(-1) ?? 0) - (looks[0] ?? 0)
    }
    // As many rows come each second before as during: what claims take of them is the same.
    return grown('table.indexEntriesRead{outbox}') / grown('table.inserts{outbox}')
  }
  expect(perRow(fromMs, toMs)).toBeGreaterThan(perRow(-Infinity, fromMs) * CLIMBED_FACTOR)
}

/** H11: nothing is given up, so WAL behind the slot grows while nobody reads, and is let go when its consumer resumes. */
export function keepsWalUntilItResumes(met: Met): void {
  expect(looksAt(met, STALLED_LOST)).toEqual([])
  const { fromMs = 0, toMs = 0, notResumed } = met.faults[0] ?? {}
  expect(notResumed).toBeUndefined()
  const before = highest(met, STALLED_LAG, -Infinity, fromMs)
  // What was under way when it stopped may still have moved it on.
  const stalled = looksAt(met, STALLED_LAG, fromMs + 1_000, toMs)
  expect(stalled).toEqual(stalled.toSorted((a, b) => a - b))
  expect(stalled.at(-1)).toBeGreaterThan(before * CLIMBED_FACTOR)
  expect(looksAt(met, STALLED_LAG).at(-1)).toBeLessThan((stalled.at(-1) ?? 0) / 2)
}

/** H9: rows wait while nobody makes their hours, in the default partition, and not one is left there. */
export function moveWhenTheWorkerIsBack(met: Met): void {
  const { fromMs = 0, toMs = 0, notAcceptedEvents } = met.faults[0] ?? {}
  const waiting = 'partition.waitingRows{events}'
  climbs(met, waiting)
  expect(highest(met, waiting, fromMs, toMs)).toBeGreaterThan(RATHER_MANY_ROWS)
  expect(looksAt(met, waiting, toMs).at(-1)).toBeLessThan(RATHER_MANY_ROWS / 2)
  const hours = 'partition.count{events}'
  expect(highest(met, hours, toMs)).toBeGreaterThan(highest(met, hours, fromMs, toMs))
  // No statement failed for want of a range.
  expect(notAcceptedEvents).toBe(0)
}

/** H9: without a default partition each of them is refused alone; with which words: test/contract/pg-partitioned.test.ts. */
export function rejectsWhatHasNoRange({ measured }: Met): void {
  const steps = measured.steps.filter(({ kind }) => kind === 'measure')
  const sum = (outcome: 'rejected' | 'accepted'): number =>
    steps.reduce((total, { counts }) => total + counts[outcome], 0)
  expect(sum('rejected')).toBeGreaterThan(0)
  expect(sum('accepted')).toBeGreaterThan(sum('rejected'))
  // The request that brought it is answered, and its other events are accepted.
  const reasons = steps.flatMap(({ notAccepted }) => notAccepted?.reasons ?? [])
  expect(reasons).toContainEqual(expect.objectContaining({ by: 'answer', status: 200 }))
}

/**
 * H23: of a request without an answer a store has every event or none, by id; an event has its outbox row in the end, or neither
 * is there; and what is staged is projected.
 */
export function leavesNoHalf(met: Met): void {
  losesNothing(met)
  const { stores, projections = [], divergedBetweenStores } = met.audit
  for (const { halfStored } of stores) expect(halfStored).toEqual({ requests: 0, first: [] })
  expect(divergedBetweenStores).toBe(0)
  for (const { halfKeys, verdict } of projections) {
    expect({ halfKeys, verdict }).toEqual({ halfKeys: 0, verdict: 'whole' })
  }
}

/** H23: when the service died its transactions waited half-way, and so did the requests that they were made of. */
export function diesBetweenStatements(met: Met): void {
  const { audit, faults } = met
  const [holding, killed] = faults
  expect(killed?.kind).toBe('kill')
  // Nobody lets them go before the holder ends, which is later.
  expect(killed?.fromMs).toBeLessThan(holding?.toMs ?? 0)
  const held = highest(met, 'waits.sessions{Lock:advisory}', holding?.fromMs, killed?.fromMs)
  expect(held).toBeGreaterThan(0)
  expect(killed?.notAcceptedEvents).toBeGreaterThan(0)
  expect(Math.max(...audit.stores.map(({ unknownEvents }) => unknownEvents))).toBeGreaterThan(0)
}

/** H10: what E9 is judged by is beyond its warning; it fires where nothing else used the machine, or nobody can be blamed. */
export function firesE9({ measured, markdown }: Met): void {
  const worst = measured.steps.flatMap(({ worst: windows = {} }) =>
    Object.entries(windows).flatMap(([key, lagS]) =>
      key.startsWith('replica.replayLagS') ? [lagS] : [],
    ),
  )
  expect(Math.max(...worst)).toBeGreaterThan(E9_WARNING_S)
  if (/Contended|Pool-limited/.test(markdown)) return
  expect(markdown).toMatch(/\*\*E9 fired\*\*/)
}
