/**
 * Every fault scenario that ships, in small: what it takes away comes back, in a curve that is recorded; what was lost and what
 * was not, by id; and that the fault did what it is about, from the metrics of the run.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/kit/paths.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { loadTarget } from '../../src/target/load.ts'
import { SKIPPED } from '../contract/architecture-rig.ts'
import {
  firstAbove,
  highest,
  looksAt,
  lostByAck,
  metFault,
  type FaultCase,
  type Met,
} from './fault-met.ts'

interface Expected extends FaultCase {
  /** Of every fault: whether whoever sends or waits for events must have noticed it. */
  readonly isNoticed?: boolean
  /** What is true of it besides that every fault was put and that it came back. */
  readonly check: (met: Met) => void | Promise<void>
}

/** In a window of a second something begins, and in another it is seen. */
const TWO_WINDOWS_MS = 2_000
/** A restore begins a server anew. */
const RESTORED_WITHIN_S = 9
/** Tables are looked at every five seconds of a run: so long, and two looks fall into the fault. */
const TWO_LOOKS_S = 8
const VACUUMED_WITHIN_S = 7
const FLUSH_MS = 1_000
const LEASE_MS = 5_000
/** Autovacuum looks at a database once a minute where nothing is set: a run of seconds never sees it. */
const NAPS = { autovacuum_naptime: '1s' }
/** Events that write megabytes of log a second. */
const LARGE = { payloadBytes: 16_384, compressibleRatio: 0 }

const MET: readonly Expected[] = [
  {
    scenario: 'fault-accident',
    target: 'pg-batch-archived',
    backWithinS: RESTORED_WITHIN_S,
    isNoticed: true,
    check: async (met) => {
      // Everything that was answered before the accident is there.
      expect(await keptUntilMs(met)).toBeGreaterThanOrEqual(met.faults[0]?.fromMs ?? Infinity)
      // The preloaded rows were deleted too: an audit that misses one of them is broken.
      keepsItsPromise(met)
    },
  },
  {
    scenario: 'fault-cache-killed',
    target: 'eav',
    check: (met) => {
      losesNothing(met)
      const [fault] = met.faults
      expect(highest(met, 'cache.bypassed{service}', -Infinity, fault?.fromMs)).toBe(0)
      expect(highest(met, 'cache.bypassed{service}')).toBeGreaterThan(0)
    },
  },
  {
    scenario: 'fault-database-killed',
    target: 'pg-direct',
    isNoticed: true,
    check: (met) => {
      losesNothing(met)
      expect(met.faults[0]?.notAcceptedEvents).toBeGreaterThan(0)
    },
  },
  {
    scenario: 'fault-disk-lost',
    target: 'pg-batch-archived',
    backWithinS: RESTORED_WITHIN_S,
    isNoticed: true,
    check: async (met) => {
      const until = await keptUntilMs(met)
      expect(until).toBeLessThanOrEqual(met.faults[0]?.fromMs ?? 0)
      // Of a moment in the run: a bound that only knows of the backup before it would excuse every loss.
      expect(until).toBeGreaterThan(0)
      keepsItsPromise(met)
    },
  },
  { scenario: 'fault-duplicates', target: 'pg-batch', check: comparesWithUpdate },
  {
    scenario: 'fault-out-of-range',
    target: 'pg-partitioned',
    check: (met) => {
      losesNothing(met)
      // They wait in the default partition: no statement failed for want of their own.
      expect(highest(met, 'partition.waitingRows{events}')).toBeGreaterThan(0)
      expect(met.faults[0]?.notAcceptedEvents).toBe(0)
    },
  },
  {
    scenario: 'fault-replay-paused',
    target: 'pg-replica',
    check: (met) => {
      losesNothing(met)
      expect(movedIn(met)).toContain('replica.unreplayedBytes{replica}')
      const { fromMs, toMs } = met.faults[0] ?? {}
      expect(highest(met, CRITICAL_OPEN, fromMs, toMs)).toBe(1)
      // Reports have minutes: the replica never leaves them.
      expect(highest(met, ANALYTICS_OPEN, fromMs, toMs)).toBe(0)
    },
  },
  {
    scenario: 'fault-replica-lag',
    target: 'pg-replica',
    // Longer than its lag, or nobody would see that.
    leastFaultS: 6,
    check: opensOnceBeyondItsBudget,
  },
  {
    scenario: 'fault-replica-killed',
    target: 'pg-replica',
    leastFaultS: TWO_LOOKS_S,
    backWithinS: VACUUMED_WITHIN_S,
    // It tells the slot of its oldest snapshot this often.
    engines: { database: NAPS, replica: { wal_receiver_status_interval: '1s' } },
    check: (met) => {
      losesNothing(met)
      keepsDeadRows(met, 'heartbeat')
      const { fromMs, toMs } = met.faults[0] ?? {}
      const age = 'slot.xminAgeTransactions{headroom_replica}'
      expect(highest(met, age, fromMs, toMs)).toBeGreaterThan(highest(met, age, -Infinity, fromMs))
    },
  },
  {
    scenario: 'fault-service-killed',
    target: 'pg-batch',
    isNoticed: true,
    check: (met) => {
      losesNothing(met)
      expect(met.faults[0]?.notAcceptedEvents).toBeGreaterThan(0)
    },
  },
  {
    scenario: 'fault-slot-stalled',
    target: 'pg-batch-slot',
    check: (met) => {
      losesNothing(met)
      expect(movedIn(met)).toContain(STALLED_LAG)
      expect(highest(met, STALLED_LOST)).toBe(-Infinity)
      // Nothing is given up: WAL behind it only grows as long as it is there.
      const lag = looksAt(met, STALLED_LAG)
      expect(lag).toEqual(lag.toSorted((a, b) => a - b))
    },
  },
  {
    scenario: 'fault-slot-stalled',
    target: 'pg-batch-slot-bounded',
    events: LARGE,
    engines: { database: { max_slot_wal_keep_size: '1MB', max_wal_size: '32MB' } },
    check: (met) => {
      losesNothing(met)
      // What may still be written goes below nothing, then the slot is given up, and nothing is kept for it any more.
      expect(Math.min(...looksAt(met, 'slot.safeWalBytes{headroom_stalled}'))).toBeLessThan(0)
      const lostMs = firstAbove(met, STALLED_LOST, 0)
      expect(lostMs).not.toBeNull()
      expect(looksAt(met, STALLED_LAG, (lostMs ?? 0) + 1)).toEqual([])
    },
  },
  {
    scenario: 'fault-staging-crashed',
    target: 'eav',
    settings: { flushMs: FLUSH_MS },
    isNoticed: true,
    check: losesOnlyWhatWasStaged,
  },
  {
    scenario: 'fault-worker-killed',
    target: 'outbox',
    settings: { leaseMs: LEASE_MS },
    // Every commit takes its time, so that a worker holds claims at whatever moment it dies.
    engines: { database: { commit_delay: 30_000, commit_siblings: 0 } },
    isNoticed: true,
    check: deliversWhatTheDeadHadClaimed,
  },
  {
    scenario: 'fault-xmin-pinned',
    target: 'pg-direct',
    check: (met) => {
      losesNothing(met)
      expect(movedIn(met)).toMatch(HELD_BY_THE_FAULT)
    },
  },
  {
    scenario: 'fault-xmin-outbox',
    target: 'outbox',
    leastFaultS: TWO_LOOKS_S,
    backWithinS: VACUUMED_WITHIN_S,
    engines: { database: NAPS },
    check: (met) => {
      losesNothing(met)
      expect(movedIn(met)).toMatch(HELD_BY_THE_FAULT)
      keepsDeadRows(met, 'outbox')
      const { fromMs = 0, toMs = 0 } = met.faults[0] ?? {}
      for (const span of [[-Infinity, fromMs] as const, [fromMs, toMs] as const]) {
        expect(highest(met, 'outbox.claimP99Ms{worker}', ...span)).toBeGreaterThan(0)
      }
      const q11 = met.measured.queries.find(({ name }) => name === 'Q11')
      expect(q11?.failed).toBe(0)
      expect(q11?.answered).toBeGreaterThan(10)
    },
  },
]

const CRITICAL_OPEN = 'replica.breakerOpenRatio{replica-1 critical}'
const ANALYTICS_OPEN = 'replica.breakerOpenRatio{replica-1 analytics}'
const STALLED_LAG = 'slot.lagBytes{headroom_stalled}'
const STALLED_LOST = 'slot.walStatus{headroom_stalled: lost, unread}'
const HELD_BY_THE_FAULT = /horizon\.holderAgeTransactions\{session headroom-fault/

/** Every acknowledged event is in every store, by id. */
function missesNothing({ audit }: Met): void {
  const lost = audit.stores.map(({ store, lost, lostEvents }) => ({ store, lost, lostEvents }))
  expect(lost).toEqual(audit.stores.map(({ store }) => ({ store, lost: [], lostEvents: 0 })))
  expect(lost.length).toBeGreaterThan(0)
}

/** And there is nothing that the promise has to excuse. */
function losesNothing(met: Met): void {
  missesNothing(met)
  expect(new Set(met.audit.stores.map(({ verdict }) => verdict))).toEqual(new Set(['whole']))
}

function keepsItsPromise({ audit }: Met): void {
  expect(audit.stores.map(({ verdict }) => verdict)).not.toContain('broken')
}

function movedIn({ faults }: Met): string {
  return faults.flatMap(({ moved }) => moved.map(({ metric }) => metric)).join(' ')
}

/**
 * Every lost event, by id, was answered after what the restore had to bring back; told from the driver's own notes.
 * @returns the bound, ms after the epoch
 */
async function keptUntilMs(met: Met): Promise<number> {
  const until = met.faults[0]?.restored?.keptUntilMs
  if (until === undefined) throw new Error('nothing was restored')
  const lost = await everyLost(met)
  for (const ackMs of lost) expect(ackMs).toBeGreaterThan(until - 10)
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
async function losesOnlyWhatWasStaged(met: Met): Promise<void> {
  keepsItsPromise(met)
  const { fromMs = 0, toMs = 0 } = met.faults[0] ?? {}
  for (const ackMs of await everyLost(met)) {
    expect(ackMs).toBeGreaterThan(fromMs - 2 * FLUSH_MS)
    // What was answered when it was back is flushed as ever.
    expect(ackMs).toBeLessThan(toMs)
  }
}

/** H15: under a lease nobody else has them; then they are claimed once more, and every consumer has seen every event. */
function deliversWhatTheDeadHadClaimed(met: Met): void {
  missesNothing(met)
  keepsItsPromise(met)
  const { fromMs = 0 } = met.faults[0] ?? {}
  const againMs = firstAbove(met, 'outbox.reclaimedRows{worker}', 0)
  if (againMs === null) throw new Error('nothing was claimed again')
  // A claim that was under way may be somewhat older than the death.
  expect(againMs).toBeGreaterThan(fromMs + LEASE_MS / 2)
  expect(highest(met, 'outbox.oldestPendingS{1}') * 1_000).toBeGreaterThan(LEASE_MS / 2)
  const again = looksAt(met, 'outbox.reclaimedRows{worker}', againMs - 1)
  // Once: the second worker keeps what it claims, and no row is given up.
  expect(new Set(again).size).toBe(1)
  expect(highest(met, 'outbox.deadRows{1}')).toBe(0)
  const delivered = met.audit.stores.find(({ store }) => store.endsWith('delivered_1'))
  const { storedRows = 0, duplicatedRows = 0, readableEvents } = delivered ?? {}
  // What the dead one had delivered and not completed comes twice; nothing else does.
  expect(duplicatedRows).toBeLessThanOrEqual(again[0] ?? 0)
  expect(readableEvents).toBe(storedRows - duplicatedRows)
}

/** H12: 200 ms are within the budget of searches, four seconds are not. */
function opensOnceBeyondItsBudget(met: Met): void {
  losesNothing(met)
  const [within, beyond] = met.faults
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
function keepsDeadRows(met: Met, table: string): void {
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
  expect(Math.min(...looksAt(met, key, toMs))).toBeLessThan(highest(met, key, fromMs, toMs) / 2)
}

/** H20: a repeat costs DO NOTHING a look, and DO UPDATE a version of the row. */
async function comparesWithUpdate(met: Met): Promise<void> {
  losesNothing(met)
  const update = await metFault({
    scenario: 'fault-duplicates',
    target: 'targets/variants/pg-batch-dedup-update.yaml',
  })
  losesNothing(update)
  const [repeats, same] = [met, update].map(({ measured }) =>
    measured.steps.reduce((sum, { counts }) => sum + counts.duplicate, 0),
  )
  expect(repeats).toBeGreaterThan(0)
  expect(same).toBe(repeats)
  expect(highest(met, 'table.updates{events}')).toBe(0)
  // Those that share a statement with the first of their id are dropped before it.
  expect(highest(update, 'table.updates{events}')).toBeGreaterThan((repeats ?? 0) / 2)
  const figure = ({ measured }: Met, key: string): number => measured.metrics[key] ?? Number.NaN
  for (const key of ['table.deadRows{events}', 'wal.bytesPerEvent']) {
    expect(figure(update, key)).toBeGreaterThan(figure(met, key))
  }
}

describe('fault scenarios', () => {
  it('are all known here', () => {
    const shipped = readdirSync(join(packageRoot, 'scenarios'))
      .filter((file) => file.startsWith('fault-') && file.endsWith('.yaml'))
      .map((file) => file.replace('.yaml', ''))
    expect([...new Set(MET.map(({ scenario }) => scenario))].sort()).toEqual(shipped.sort())
  })

  const named = MET.map(
    (expected) => [`${expected.scenario} on ${expected.target}`, expected] as const,
  )
  it.for(named)('%s comes to its end', async ([, expected], { skip }) => {
    const missing = SKIPPED.find(({ id }) => id === architectureOf(expected.target))
    if (missing !== undefined) skip(missing.because)
    const met = await metFault(expected)
    cameBack(met, expected)
    await expected.check(met)
  })
})

function architectureOf(target: string): string | null {
  const loaded = loadTarget(target)
  return loaded.kind === 'architecture' ? loaded.architecture : null
}

/** The recovery curve: noticed while it lasted, drained, and whole; what a disk took is never readable again. */
function cameBack({ faults, exitCode }: Met, { scenario, isNoticed = false }: Expected): void {
  const asked = loadScenario(scenario).scenario.faults
  expect(faults.map(({ failed }) => failed)).toEqual(asked.map(() => null))
  for (const { kind, fromMs, toMs, noticedMs, drainedMs, wholeMs } of faults) {
    expect(wholeMs).toBeGreaterThanOrEqual(0)
    if (kind !== 'restore') expect(drainedMs).toBeGreaterThanOrEqual(0)
    if (!isNoticed) continue
    expect(noticedMs).toBeGreaterThan(0)
    expect(noticedMs).toBeLessThanOrEqual(toMs - fromMs + TWO_WINDOWS_MS)
    const backMs = toMs - fromMs + Math.max(wholeMs ?? 0, drainedMs ?? 0)
    expect(noticedMs).toBeLessThanOrEqual(backMs)
  }
  expect(exitCode).toBe(0)
}
