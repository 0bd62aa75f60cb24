/**
 * Every fault scenario that ships, in small: what it takes away comes back, in a curve that is recorded; what was lost and what
 * was not, by id; and that the fault did what it is about, from the metrics of the run.
 */
import { describe, expect, it } from 'vitest'
import { ERROR_EXIT_CODES } from '../../src/kit/errors.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { SKIPPED } from '../contract/architecture-rig.ts'
import {
  ANALYTICS_OPEN,
  CRITICAL_OPEN,
  FLUSH_MS,
  HELD_BY_THE_FAULT,
  LEASE_MS,
  STALLED_LAG,
  STALLED_LOST,
  claimsReadMore,
  climbs,
  deliversEverything,
  deliversWhatTheDeadHadClaimed,
  diesBetweenStatements,
  firesE9,
  held,
  keepsDeadRows,
  keepsItsPromise,
  keepsWalUntilItResumes,
  keepsWhatIsRestored,
  keptUntilMs,
  leavesNoHalf,
  losesNothing,
  losesOnlyWhatWasStaged,
  moveWhenTheWorkerIsBack,
  opensOnceBeyondItsBudget,
  readsGoOn,
  rejectsWhatHasNoRange,
  repeatsCostUpdates,
} from './fault-checks.ts'
import {
  firstAbove,
  highest,
  looksAt,
  lowest,
  metFault,
  type Expected,
  targetOf,
  type Met,
} from './fault-met.ts'

/** What is true of it besides that every fault was put and that it came back. */
interface ShippedFault extends Expected {
  /** Of every fault: whether whoever sends or waits for events must have noticed it. */
  readonly isNoticed?: boolean
  /** Whether it comes back within the run; absent: it does. */
  readonly isBack?: boolean
}

/** In a window of a second something begins, and in another it is seen. */
const TWO_WINDOWS_MS = 2_000
/** A restore begins a server anew. */
const RESTORED_WITHIN_S = 9
/** Tables are looked at every five seconds of a run: so long, and two looks fall into the fault. */
const TWO_LOOKS_S = 8
const THREE_LOOKS_S = 16
const VACUUMED_WITHIN_S = 7
/** The backlog behind a flush is gone five seconds after the database is back. */
const FLUSHED_WITHIN_S = 10
/** Autovacuum looks at a database once a minute where nothing is set: a run of seconds never sees it. */
const NAPS = { autovacuum_naptime: '1s' }
/** The service dies two seconds after its transactions began to wait. */
const HELD_S = 4
const LATE_HOURS = 'targets/variants/pg-partitioned-late.yaml'
/** Of the default profile. */
const DECLARED_PER_S = 400
/** Events that write megabytes of log a second. */
const LARGE = { payloadBytes: 16_384, compressibleRatio: 0 }

export const SHIPPED: readonly ShippedFault[] = [
  {
    scenario: 'fault-accident',
    target: 'pg-batch-archived',
    backWithinS: RESTORED_WITHIN_S,
    isNoticed: true,
    // The preloaded rows are deleted too: an audit that misses one of them is broken.
    keeps: keepsWhatIsRestored,
    check: (met) => {
      // Everything that was answered before the accident is there.
      expect(keptUntilMs(met)).toBeGreaterThanOrEqual(met.faults[0]?.fromMs ?? Infinity)
    },
  },
  {
    scenario: 'fault-between-statements',
    target: 'targets/variants/pg-batch-single.yaml',
    leastFaultS: HELD_S,
    keeps: leavesNoHalf,
    check: diesBetweenStatements,
  },
  {
    scenario: 'fault-between-statements',
    target: 'targets/variants/pg-batch-foreign-keys.yaml',
    leastFaultS: HELD_S,
    keeps: leavesNoHalf,
    check: diesBetweenStatements,
  },
  {
    scenario: 'fault-between-statements',
    target: 'outbox',
    leastFaultS: HELD_S,
    keeps: leavesNoHalf,
    check: diesBetweenStatements,
  },
  {
    scenario: 'fault-between-statements-eav',
    target: 'eav',
    leastFaultS: HELD_S,
    keeps: leavesNoHalf,
    check: diesBetweenStatements,
  },
  {
    scenario: 'fault-cache-killed',
    target: 'eav',
    // By default one command of 50 ms counts as a cache that is away: a busy machine has such before the fault.
    settings: { cacheTimeoutMs: 1_000 },
    // Its counters are looked at once a second.
    leastFaultS: 3,
    keeps: losesNothing,
    check: (met) => {
      const [fault] = met.faults
      expect(highest(met, 'cache.bypassed{service}', -Infinity, fault?.fromMs)).toBe(0)
      expect(highest(met, 'cache.bypassed{service}')).toBeGreaterThan(0)
      readsGoOn(met)
    },
  },
  {
    scenario: 'fault-database-killed',
    target: 'pg-direct',
    isNoticed: true,
    keeps: losesNothing,
    check: (met) => {
      expect(met.faults[0]?.notAcceptedEvents).toBeGreaterThan(0)
    },
  },
  {
    scenario: 'fault-database-killed',
    target: 'targets/variants/outbox-unlogged.yaml',
    // Rows gather for so long: some wait whenever it dies.
    settings: { claimPauseMs: FLUSH_MS },
    backWithinS: FLUSHED_WITHIN_S,
    isNoticed: true,
    keeps: (met) => {
      keepsItsPromise(met)
      // The events themselves are in a table that is logged.
      expect(met.audit.stores[0]).toMatchObject({ store: 'postgres.events', verdict: 'whole' })
    },
    check: async (met) => {
      expect(met.audit.stores[1]?.lostEvents).toBeGreaterThan(0)
      await losesOnlyWhatWasStaged(met)
    },
  },
  {
    scenario: 'fault-disk-lost',
    target: 'pg-batch-archived',
    backWithinS: RESTORED_WITHIN_S,
    isNoticed: true,
    keeps: keepsWhatIsRestored,
    check: (met) => {
      const until = keptUntilMs(met)
      expect(until).toBeLessThanOrEqual(met.faults[0]?.fromMs ?? 0)
      // Of a moment in the run: a bound that only knows of the backup before it would excuse every loss.
      expect(until).toBeGreaterThan(0)
    },
  },
  {
    scenario: 'fault-duplicates',
    target: 'pg-batch',
    comparedWith: 'targets/variants/pg-batch-dedup-update.yaml',
    // What repeats write is then much of what is written at all, and no matter of two short runs.
    events: { duplicateRatio: 0.5 },
    keeps: losesNothing,
    check: repeatsCostUpdates,
  },
  {
    scenario: 'fault-out-of-range',
    target: LATE_HOURS,
    leastFaultS: TWO_LOOKS_S,
    backWithinS: VACUUMED_WITHIN_S,
    keeps: losesNothing,
    check: moveWhenTheWorkerIsBack,
  },
  {
    scenario: 'fault-out-of-range',
    target: LATE_HOURS,
    settings: { outOfRange: 'reject' },
    keeps: losesNothing,
    check: rejectsWhatHasNoRange,
  },
  {
    scenario: 'fault-replay-paused',
    target: 'pg-replica',
    leastFaultS: 5,
    ratePerS: DECLARED_PER_S,
    keeps: losesNothing,
    check: (met) => {
      const { fromMs, toMs } = met.faults[0] ?? {}
      // Among what rose most are eight at most: on a busy machine others may have risen more.
      const unreplayed = 'replica.unreplayedBytes{replica}'
      const before = highest(met, unreplayed, -Infinity, fromMs)
      expect(highest(met, unreplayed, fromMs, toMs)).toBeGreaterThan(before * 2)
      expect(highest(met, CRITICAL_OPEN, fromMs, toMs)).toBe(1)
      // Reports have minutes: the replica never leaves them.
      expect(highest(met, ANALYTICS_OPEN, fromMs, toMs)).toBe(0)
      firesE9(met)
    },
  },
  {
    scenario: 'fault-replica-lag',
    target: 'pg-replica',
    // Longer than its lag, or nobody would see that.
    leastFaultS: 6,
    keeps: losesNothing,
    check: opensOnceBeyondItsBudget,
  },
  {
    scenario: 'fault-replica-killed',
    target: 'pg-replica',
    leastFaultS: TWO_LOOKS_S,
    backWithinS: VACUUMED_WITHIN_S,
    // It tells the slot of its oldest snapshot this often.
    engines: { database: NAPS, replica: { wal_receiver_status_interval: '1s' } },
    keeps: losesNothing,
    check: (met) => {
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
    keeps: losesNothing,
    check: (met) => {
      expect(met.faults[0]?.notAcceptedEvents).toBeGreaterThan(0)
    },
  },
  {
    scenario: 'fault-slot-stalled',
    target: 'pg-batch-slot',
    leastFaultS: TWO_LOOKS_S,
    keeps: losesNothing,
    check: keepsWalUntilItResumes,
  },
  {
    scenario: 'fault-slot-stalled',
    target: 'pg-batch-slot-bounded',
    // A segment is full after four seconds, and the checkpoint that gives the slot up is spread over nearly as many: that is
    // when what may still be written is seen to be below nothing.
    leastFaultS: 14,
    events: LARGE,
    engines: { database: { max_slot_wal_keep_size: '16MB', max_wal_size: '32MB' } },
    isBack: false,
    keeps: losesNothing,
    check: (met) => {
      const [fault] = met.faults
      expect(fault?.notResumed).toMatch(/headroom_stalled/)
      // What may still be written goes below nothing, then the slot is given up, and nothing is kept for it any more.
      expect(lowest(met, 'slot.safeWalBytes{headroom_stalled}')).toBeLessThan(0)
      const lostMs = firstAbove(met, STALLED_LOST, 0)
      expect(lostMs).toBeGreaterThan(fault?.fromMs ?? Infinity)
      expect(looksAt(met, STALLED_LAG, (lostMs ?? 0) + 1)).toEqual([])
    },
  },
  {
    scenario: 'fault-staging-crashed',
    target: 'eav',
    settings: { flushMs: FLUSH_MS },
    backWithinS: FLUSHED_WITHIN_S,
    isNoticed: true,
    keeps: keepsItsPromise,
    check: losesOnlyWhatWasStaged,
  },
  {
    scenario: 'fault-worker-killed',
    target: 'outbox',
    settings: { leaseMs: LEASE_MS },
    // Its backlog must stand out from what any busy second leaves.
    leastFaultS: 2,
    // Every commit takes its time, so that a worker holds claims at whatever moment it dies.
    engines: { database: { commit_delay: 30_000, commit_siblings: 0 } },
    isNoticed: true,
    // Long enough to see that nothing is claimed a third time.
    backWithinS: (3 * LEASE_MS) / 1_000,
    keeps: deliversEverything,
    check: deliversWhatTheDeadHadClaimed,
  },
  {
    scenario: 'fault-xmin-pinned',
    target: 'targets/variants/pg-batch-dedup-update.yaml',
    firstAtS: TWO_LOOKS_S,
    leastFaultS: THREE_LOOKS_S,
    backWithinS: VACUUMED_WITHIN_S,
    keeps: losesNothing,
    check: (met) => {
      expect(held(met)).toMatch(HELD_BY_THE_FAULT)
      keepsDeadRows(met, 'events')
      climbs(met, 'table.deadRows{events}')
    },
  },
  {
    scenario: 'fault-xmin-outbox',
    target: 'outbox',
    firstAtS: TWO_LOOKS_S,
    leastFaultS: THREE_LOOKS_S,
    backWithinS: VACUUMED_WITHIN_S,
    keeps: losesNothing,
    check: (met) => {
      expect(held(met)).toMatch(HELD_BY_THE_FAULT)
      keepsDeadRows(met, 'outbox')
      climbs(met, 'table.deadRows{outbox}')
      claimsReadMore(met)
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

export function describeFaults(faults: readonly ShippedFault[]): void {
  describe('fault scenarios', () => {
    const named = faults.map((fault) => [`${fault.scenario} on ${fault.target}`, fault] as const)
    it.for(named)('%s comes to its end', async ([, fault], { skip }) => {
      const missing = SKIPPED.find(({ id }) => id === architectureOf(fault))
      if (missing !== undefined) skip(missing.because)
      await metFault({
        ...fault,
        check: async (met, other) => {
          for (const one of other === null ? [met] : [met, other]) cameBack(one, fault)
          await fault.check(met, other)
        },
      })
    })
  })
}

function architectureOf(fault: ShippedFault): string | null {
  const loaded = targetOf(fault)
  return loaded.kind === 'architecture' ? loaded.architecture : null
}

/** The recovery curve: noticed while it lasted, drained, and whole; what a disk took is never readable again. */
function cameBack(
  { faults, exitCode }: Met,
  { scenario, isNoticed = false, isBack = true }: ShippedFault,
): void {
  const asked = loadScenario(scenario).scenario.faults
  expect(faults.map(({ failed }) => failed)).toEqual(asked.map(() => null))
  for (const { name, kind, fromMs, toMs, noticedMs, drainedMs, wholeMs, symptom } of faults) {
    if (symptom !== undefined && symptom.highest !== null) {
      atSomeMoment(symptom.noticedMs, `rose: ${symptom.metric}`)
      if (isBack) atSomeMoment(symptom.backMs, `back: ${symptom.metric}`)
      else expect(symptom.backMs).toBeNull()
    }
    if (!isBack) continue
    atSomeMoment(wholeMs, `as before, after ${name}`)
    if (kind !== 'restore') atSomeMoment(drainedMs, `backlog gone, after ${name}`)
    if (!isNoticed) continue
    atSomeMoment(noticedMs, `noticed: ${name}`)
    expect(noticedMs).toBeGreaterThan(0)
    expect(noticedMs).toBeLessThanOrEqual(toMs - fromMs + TWO_WINDOWS_MS)
    const backMs = toMs - fromMs + Math.max(wholeMs ?? 0, drainedMs ?? 0)
    expect(noticedMs).toBeLessThanOrEqual(backMs)
  }
  expect(exitCode).toBe(isBack ? 0 : ERROR_EXIT_CODES.THRESHOLD_BROKEN)
}

function atSomeMoment(ms: number | null, words: string): void {
  if (ms === null) throw new Error(`never ${words}`)
  expect(ms).toBeGreaterThanOrEqual(0)
}
