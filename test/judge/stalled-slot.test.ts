/** F14 beside the slots that nobody read in a run: what a record of a fault says of them. */
import { describe, expect, it } from 'vitest'
import { evidenceOf } from '../../src/judge/evidence.ts'
import type { FormulaFinding } from '../../src/judge/formulas/finding.ts'
import { formulaFindings } from '../../src/judge/formulas/formulas.ts'
import type { FaultSeen } from '../../src/results/fault-record.ts'
import type { RunRecord, Step } from '../../src/results/record.ts'
import { studyFixture } from '../fixtures/study.ts'

const SLOT = 'headroom_stalled'
const STEP_S = 30
const FREE_BYTES = 80e9

/** 24 of 30 s, of which the last look is one second before the end: 2 kB of WAL for each of 1,000 events/s. */
const FAULT: FaultSeen = {
  name: 'a replication slot that nobody reads',
  ...{ kind: 'statements', on: 'database', fromMs: 6_000, toMs: 30_000, failed: null },
  ...{ noticedMs: null, drainedMs: 0, wholeMs: 0, notAcceptedEvents: 0 },
  ...{ worstP99Us: null, backlogEventsMax: null, calm: { p99Us: null, backlogEventsMax: null } },
  moved: moved(46e6, 23),
}

function moved(lagBytes: number, ageS: number, slot = SLOT): FaultSeen['moved'] {
  return [
    { metric: `slot.lagBytes{${slot}}`, before: 0, highest: lagBytes, last: lagBytes },
    { metric: `slot.restartAgeS{${slot}}`, before: 0, highest: ageS, last: ageS },
  ]
}

interface Given {
  readonly fault?: Partial<FaultSeen>
  readonly faults?: readonly FaultSeen[]
  /** What the slot was seen to be, as a share of the time. */
  readonly states?: Readonly<Record<string, number>>
  readonly counts?: Pick<Step['counts'], 'accepted' | 'duplicate'>
  readonly settings?: Readonly<Record<string, string>>
  readonly replica?: boolean
}

function f14(given: Given = {}): FormulaFinding {
  const { study, runs } = studyFixture({
    targets: ['pg-direct'],
    ratesPerS: [1_000],
    stepS: STEP_S,
    spreadRatio: 0,
    tweak: (run) => tweaked(run, given),
  })
  const found = formulaFindings(study, [evidenceOf('pg-direct', runs)])
  return found.find(({ id }) => id === 'F14')!
}

function tweaked(run: RunRecord, given: Given): RunRecord {
  if (run.outcome.state !== 'completed') throw new Error('the fixture completes')
  const { measured, audit } = run.outcome
  const states = given.states ?? { 'extended, unread': 0.8 }
  const metrics = {
    ...measured.metrics,
    'wal.totalBytesPerEvent': 2_000,
    ...Object.fromEntries(
      Object.entries(states).map(([state, ratio]) => [`slot.walStatus{${SLOT}: ${state}}`, ratio]),
    ),
  }
  const counts = given.counts ?? { accepted: 1_000 * STEP_S, duplicate: 0 }
  const steps = measured.steps.map((step) => ({
    ...step,
    counts: { ...step.counts, ...counts },
    metrics: { ...step.metrics, 'wal.totalBytesPerEvent': 2_000 },
  }))
  const faults = [...(given.faults ?? [{ ...FAULT, ...given.fault }])]
  const [server] = run.engines
  const own = { ...server!, settings: { ...server!.settings, ...given.settings } }
  return {
    ...run,
    engines: given.replica === true ? [own, { ...own, role: 'replica' }] : [own],
    machine: { ...run.machine, dataDiskFreeBytes: FREE_BYTES },
    outcome: { state: 'completed', measured: { ...measured, steps, metrics, faults }, audit },
  }
}

describe('F14 where a slot was left unread', () => {
  it('is the disk by what the events write beside the disk by what gathered behind the slot', () => {
    const found = f14()
    expect(found).toMatchObject({ predicted: 40_000, measured: 40_000, verdict: 'held' })
    expect(found.inputs).toContain('2 kB of WAL per new event at the 1,000 events/s')
    expect(found.because).toContain(
      'as predicted: WAL behind headroom_stalled grew by 2 MB/s over 23 s or more',
    )
    expect(found.because).toContain('at the declared 400 events/s; max_slot_wal_keep_size is not')
  })

  it('holds within a quarter and no further', () => {
    expect(f14({ fault: { moved: moved(55e6, 23) } }).verdict).toBe('held')
    const faster = f14({ fault: { moved: moved(92e6, 23) } })
    expect(faster).toMatchObject({ measured: 20_000, verdict: 'did-not-hold' })
    expect(faster.because).toContain('measured 50 % less than predicted')
    expect(f14({ fault: { moved: moved(23e6, 23) } }).verdict).toBe('did-not-hold')
  })

  it('goes by the events that were new', () => {
    const counts = { accepted: 500 * STEP_S, duplicate: 500 * STEP_S }
    const found = f14({ counts, fault: { moved: moved(23e6, 23) } })
    expect(found).toMatchObject({ predicted: 80_000, measured: 80_000, verdict: 'held' })
    expect(found.because).toContain('400 events/s, of which 50 % are new as here')
  })

  it('takes the slot that was left longest, and that of a replica that was killed', () => {
    const two = [
      { ...FAULT, toMs: 18_000, moved: moved(80e6, 11) },
      { ...FAULT, fromMs: 18_000 + 1, toMs: 33_000, moved: moved(28e6, 14) },
    ]
    expect(f14({ faults: two })).toMatchObject({ measured: 40_000, verdict: 'held' })
    const killed = { kind: 'kill', on: 'replica' } as const
    expect(f14({ fault: killed, replica: true }).verdict).toBe('held')
  })
})

const UNKNOWN = 'what gathered behind slot headroom_stalled is not known'

describe('F14 where no slot says how fast WAL gathers', () => {
  it.each<[string, Given, string]>([
    ['there was none', { faults: [], states: {} }, 'no slot was left unread'],
    ['nothing was done to it', { faults: [] }, UNKNOWN],
    ['the fault could not be put', { fault: { failed: 'refused' } }, UNKNOWN],
    ['somebody read the slot', { states: { reserved: 1 } }, 'no slot was left unread'],
    [
      'it was given up',
      { states: { 'extended, unread': 0.3, 'lost, unread': 0.2 } },
      'slot headroom_stalled was given up in the run',
    ],
    ['it was short', { fault: { moved: moved(10e6, 5) } }, 'was left unread for 5 s only'],
    ['its age is not recorded', { fault: { moved: moved(1, 1).slice(0, 1) } }, UNKNOWN],
    ['the server itself was killed', { fault: { kind: 'kill', on: 'postgres' } }, UNKNOWN],
    ['the service was', { fault: { kind: 'kill', on: 'service' }, replica: true }, UNKNOWN],
  ])('is not tested: %s', (_, given, because) => {
    const found = f14({ ...given, settings: { max_slot_wal_keep_size: '8GB' } })
    // At the declared 400 events/s.
    expect(found).toMatchObject({ predicted: 100_000, measured: null, verdict: 'not-tested' })
    expect(found.because).toContain(because)
    expect(found.because).toContain('gives the slot up after 8.59 GB')
  })
})
