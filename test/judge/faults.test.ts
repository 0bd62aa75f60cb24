import { describe, expect, it } from 'vitest'
import type { FaultFindings } from '../../src/judge/faults.ts'
import {
  boundInWords,
  cameBack,
  faultVerdict,
  faultsInWords,
  symptomInWords,
} from '../../src/judge/faults.ts'
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

describe('what a fault is about', () => {
  const symptom = {
    metric: 'slot.lagBytes{cdc}',
    ...{ before: 2e6, highest: 210e6, last: 3e6, noticedMs: 2_000, backMs: 3_000 },
  }

  it('is told beside what clients noticed', () => {
    expect(faultsInWords('x', [seen({ symptom, wholeMs: 3_000 })], 0)).toBe(
      'x met kill -9 of worker-1: clients noticed nothing, slot.lagBytes{cdc} rose from 2 MB to 210 MB, seen after 2 s, back 3 s after its end; nothing that was acknowledged was lost.',
    )
  })

  it('is told of the round in which it was back last, or not at all', () => {
    const rounds = [seen({ symptom }), seen({ symptom: { ...symptom, backMs: null } })]
    expect(faultsInWords('x', rounds, 0)).toMatch(/seen after 2 s, not back within the run;/)
  })

  it('is told where it did not rise, or nobody saw it', () => {
    const calm = { ...symptom, highest: 3e6, noticedMs: null, backMs: 0 }
    expect(symptomInWords(calm)).toBe('slot.lagBytes{cdc} did not rise above the usual (3 MB)')
    const unseen = { ...calm, before: null, highest: null, last: null, backMs: null }
    expect(symptomInWords(unseen)).toBe('nobody saw slot.lagBytes{cdc}')
  })

  it('holds a target back, as what could not go on does', () => {
    expect(cameBack(seen({ symptom }).seen)).toBe(true)
    const stuck = seen({ notResumed: 'the slot is lost' })
    expect(cameBack(stuck.seen)).toBe(false)
    expect(faultsInWords('x', [stuck], 0)).toMatch(/could not go on \(the slot is lost\)/)
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
