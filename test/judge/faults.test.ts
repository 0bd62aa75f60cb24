import { describe, expect, it } from 'vitest'
import type { FaultFindings } from '../../src/judge/faults.ts'
import { boundInWords, faultVerdict, faultsInWords } from '../../src/judge/faults.ts'
import type { FaultSeen } from '../../src/results/fault-record.ts'

const seen = (more: Partial<FaultSeen> = {}): FaultFindings => ({
  round: 1,
  seen: {
    name: 'kill -9 of worker-1',
    kind: 'kill',
    on: 'worker-1',
    fromMs: 5_000,
    toMs: 8_000,
    failed: null,
    noticedMs: null,
    drainedMs: 0,
    wholeMs: 0,
    notAcceptedEvents: 0,
    worstP99Us: 9_000,
    backlogEventsMax: 3,
    calm: { p99Us: 8_000, backlogEventsMax: 3 },
    moved: [],
    ...more,
  },
  lost: null,
})

describe('faults in words', () => {
  it('say so when nobody noticed', () => {
    expect(faultsInWords('outbox', [seen()], 0)).toBe(
      'outbox met kill -9 of worker-1: clients noticed nothing; nothing that was acknowledged was lost.',
    )
  })

  it('tell the worst round: what it cost, and when it was over', () => {
    const rounds = [
      seen({ noticedMs: 1_000, wholeMs: 1_000, notAcceptedEvents: 40 }),
      seen({ noticedMs: 900, drainedMs: 3_000, wholeMs: 500 }),
    ]
    expect(faultsInWords('outbox', rounds, 2)).toBe(
      'outbox met kill -9 of worker-1: about 40 events were not accepted, it was as before 3 s later; 2 acknowledged events were lost.',
    )
  })

  it('do not call a target back that is not, nor a fault put that was not', () => {
    expect(faultsInWords('x', [seen({ noticedMs: 5, wholeMs: null })], null)).toMatch(
      /it was not as before within the run; what was lost is not known/,
    )
    expect(faultsInWords('x', [seen({ failed: 'no such part' })], 0)).toMatch(
      /could not be put \(no such part\)/,
    )
  })
})

describe('the bound of a restore', () => {
  const restored = { upTo: 'the end of the archive, segment 7', keptUntilMs: 4_000 }
  const restore = seen({ kind: 'restore', restored })

  it('is told with what was lost within it, and beside it', () => {
    const bound = (events: number, beyondEvents: number) =>
      boundInWords({ ...restore, lost: [{ store: 'postgres.events', events, beyondEvents }] })
    expect(bound(312, 0)).toBe(
      'restored up to the end of the archive, segment 7: nothing acknowledged in the run’s first 4 s may be missing; 312 lost within that bound',
    )
    expect(bound(312, 12)).toMatch(/; 300 lost within that bound, and 12 that it does not allow$/)
  })

  it('is told of each store by itself: one event lost in two of them is not two events', () => {
    const lost = ['postgres.events', 'clickhouse.events'].map((store) => ({
      ...{ store, events: 1_000, beyondEvents: 0 },
    }))
    expect(boundInWords({ ...restore, lost })).toMatch(
      /; 1,000 lost within that bound in postgres.events; 1,000 lost within that bound in clickhouse.events$/,
    )
  })

  it('is told where nobody audited, and is none of a fault that restores nothing', () => {
    expect(boundInWords(restore)).toMatch(/; not audited$/)
    expect(boundInWords(seen())).toBeNull()
  })
})

describe('the verdict over faults', () => {
  it('is none where no fault was put', () => {
    expect(faultVerdict([{ target: 'a', faults: [], auditPassed: true }])).toBeNull()
  })

  it('tells apart who came back, who did not, and who broke a promise', () => {
    const verdict = faultVerdict([
      { target: 'a', faults: [seen()], auditPassed: true },
      { target: 'b', faults: [seen({ wholeMs: null })], auditPassed: true },
      { target: 'c', faults: [seen()], auditPassed: false },
    ])
    expect(verdict).toBe(
      'a came back from every fault and kept every promise; b kept every promise and was not as before when the run ended; c broke a promise.',
    )
  })
})
