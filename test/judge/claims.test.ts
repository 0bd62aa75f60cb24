import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compare, judgeClaim, judgeClaims } from '../../src/judge/claims.ts'
import type { ClaimVerdict } from '../../src/judge/claims.ts'
import type { ArmOutcome, ExperimentRecord } from '../../src/results/claims-record.ts'
import { claimFixture, claimsRecordFixture, recordFixture } from '../fixtures/claims.ts'
import type { MeasureInput } from '../fixtures/claims.ts'

const twice = recordFixture({ a: [1, 1.1, 0.9], b: [2, 2.2, 1.8] })
const tenfold = recordFixture({ a: [1, 1.1, 0.9], b: [10, 11, 9] })
const uneven = recordFixture({ a: [1, 1, 1], b: [2, 3, 2] })

const rows: MeasureInput = { value: 'a.load.rows', kind: 'counter', says: 'rows', unit: 'rows' }

function withOutcome(
  record: ExperimentRecord,
  [arm, round]: readonly [string, number],
  outcome: ArmOutcome,
): ExperimentRecord {
  const arms = record.arms.map((run) =>
    run.arm === arm && run.round === round ? { ...run, outcome } : run,
  )
  return { ...record, arms }
}

function withValues(
  record: ExperimentRecord,
  run: readonly [string, number],
  values: Readonly<Record<string, number>>,
): ExperimentRecord {
  return withOutcome(record, run, { state: 'measured', values: { ...values }, texts: {} })
}

describe('a claim', () => {
  it('is confirmed where every round lies within what is documented', () => {
    const found = judgeClaim(claimFixture([{}]), twice)
    expect(found.verdict).toBe('confirmed')
    expect(found.because).toBe('b over a: 2 ×, documented 1.8–2.2 ×')
  })

  it('that is wrong on purpose is refuted', () => {
    expect(judgeClaim(claimFixture([{}]), tenfold).verdict).toBe('refuted')
  })

  it('is qualified where rounds lie on both sides, or one measure does and another does not', () => {
    expect(judgeClaim(claimFixture([{}]), uneven).verdict).toBe('qualified')
    const other = { ...rows, documented: { atMost: 10 } }
    expect(judgeClaim(claimFixture([{}, other]), twice).verdict).toBe('qualified')
  })

  it('is qualified where it holds and a condition that limits it does not', () => {
    const limit: MeasureInput = { ...rows, role: 'limits', documented: { atMost: 10 } }
    const found = judgeClaim(claimFixture([{}, limit]), twice)
    expect(found.verdict).toBe('qualified')
    expect(found.because).toContain('; but rows: 100 rows, documented at most 10 rows')
  })

  it('is not refuted by what cannot refute it', () => {
    const claim = claimFixture([{}], { cannotRefute: 'Arithmetic alone drives nothing.' })
    const found = judgeClaim(claim, tenfold)
    expect(found.verdict).toBe('qualified')
    expect(found.because).toContain('Arithmetic alone drives nothing.')
    expect(judgeClaim(claim, twice).verdict).toBe('confirmed')
  })

  it('says of its reading what its figures bear out, in every round, and nothing of what they do not', () => {
    const ratio = 'b.load.s / a.load.s'
    const claim = claimFixture([{}], {
      reading: 'Always so.',
      readings: [
        { says: 'b is slower.', value: ratio, kind: 'time', within: { atLeast: 1.5 } },
        { says: 'b is no slower.', value: ratio, kind: 'time', within: { atMost: 1.5 } },
        { says: 'Nobody knows.', value: 'b.load.nothing', kind: 'counter', within: { atLeast: 0 } },
      ],
    })
    expect(judgeClaim(claim, twice).reading).toBe('Always so. b is slower.')
    const across = recordFixture({ a: [1, 1, 1], b: [2, 1, 2] })
    expect(judgeClaim(claim, across).reading).toBe('Always so.')
    // A time of too few rounds, or of rounds of which one gave none, bears nothing out.
    expect(judgeClaim(claim, recordFixture({ a: [1], b: [2] })).reading).toBe('Always so.')
    const failed = withOutcome(twice, ['b', 2], { state: 'failed', code: 'X', message: 'no' })
    expect(judgeClaim(claim, failed).reading).toBe('Always so.')
  })

  it('takes a ratio within each round, so that drift hits both ends', () => {
    const drifting = recordFixture({ a: [1, 10, 100], b: [2, 20, 200] })
    expect(judgeClaim(claimFixture([{}]), drifting).measures[0]).toMatchObject({
      interval: { low: 2, mid: 2, high: 2 },
      rounds: 3,
    })
  })

  it('is not measured without its experiment, its arm or enough rounds of a time, and says which', () => {
    const claim = claimFixture([{}])
    expect(judgeClaim(claim, undefined)).toMatchObject({
      verdict: 'not measured',
      because: 'its experiment was not run',
    })
    expect(judgeClaim(claim, recordFixture({ a: [1], b: [2] })).because).toBe(
      '1 of the 3 interleaved rounds a time needs',
    )
    expect(judgeClaim(claim, recordFixture({ a: [1, 1, 1], b: [] })).because).toBe(
      'the study ended before b was run',
    )
    const skipped = recordFixture({ a: [1, 1, 1], b: [] })
    const because = 'this PostgreSQL has no timescaledb'
    const without = {
      ...skipped,
      arms: [
        ...skipped.arms,
        { arm: 'b', round: 1, position: 4, tookS: 0, outcome: { state: 'skipped', because } },
      ],
    } as const
    expect(judgeClaim(claim, { ...without, arms: [...without.arms] }).because).toBe(because)
  })

  it('is at most qualified where a part of it was not measured', () => {
    const missing: MeasureInput = { ...rows, value: 'a.load.nothing', documented: { atMost: 1 } }
    expect(judgeClaim(claimFixture([{}, missing]), twice)).toMatchObject({
      verdict: 'qualified',
      because:
        'b over a: 2 ×, documented 1.8–2.2 ×; not measured: the server does not tell this figure',
    })
  })

  it('is at most qualified where a limit of it was not measured, and says which', () => {
    const limit: MeasureInput = {
      ...rows,
      value: 'a.load.nothing',
      role: 'limits',
      documented: { atMost: 1 },
    }
    expect(judgeClaim(claimFixture([{}, limit]), twice)).toMatchObject({
      verdict: 'qualified',
      because:
        'b over a: 2 ×, documented 1.8–2.2 ×; not measured: rows: the server does not tell this figure',
    })
    expect(judgeClaim(claimFixture([{}, limit]), tenfold).verdict).toBe('refuted')
  })

  it('is at most qualified where a round left no figure, and says how many and why', () => {
    const four = recordFixture({ a: [1, 1, 1, 1], b: [2, 2, 2, 2] })
    const failed = withOutcome(four, ['b', 2], { state: 'failed', code: 'ERROR', message: 'gone' })
    expect(judgeClaim(claimFixture([{}]), failed)).toMatchObject({
      verdict: 'qualified',
      because: 'b over a: 2 ×, documented 1.8–2.2 ×, without 1 of 4 rounds: arm b failed: gone',
      measures: [{ rounds: 3, skipped: { rounds: 1 } }],
    })
    // What could not be looked at in every round refutes nothing either.
    const far = { documented: { atMost: 1.5 } }
    expect(judgeClaim(claimFixture([far]), four).verdict).toBe('refuted')
    expect(judgeClaim(claimFixture([far]), failed).verdict).toBe('qualified')
    // A limit's missing round leaves the limit open; one of what is only told does not.
    const other = { says: 'b', value: 'b.load.s', unit: 's' } as const
    const limited = claimFixture([
      { ...rows, documented: { atLeast: 1 } },
      { ...other, role: 'limits', documented: { atLeast: 1 } },
    ])
    expect(judgeClaim(limited, four).verdict).toBe('confirmed')
    expect(judgeClaim(limited, failed)).toMatchObject({ verdict: 'qualified' })
    expect(judgeClaim(limited, failed).because).toContain(
      '; but b: 2 s, documented at least 1 s, w',
    )
    const context = claimFixture([
      { ...rows, documented: { atLeast: 1 } },
      { ...other, role: 'context', documented: undefined },
    ])
    expect(judgeClaim(context, failed).verdict).toBe('confirmed')
  })

  it('leaves out a round whose arithmetic ends nowhere or lacks a figure, and says so', () => {
    const claim = claimFixture([{}])
    const byNothing = recordFixture({ a: [1, 0, 1, 1], b: [2, 2, 2, 2] })
    expect(judgeClaim(claim, byNothing).because).toContain(
      'without 1 of 4 rounds: b.load.s / a.load.s is no number there',
    )
    const four = recordFixture({ a: [1, 1, 1, 1], b: [2, 2, 2, 2] })
    const bare = withOutcome(four, ['b', 4], { state: 'measured', values: {}, texts: {} })
    expect(judgeClaim(claim, bare)).toMatchObject({ verdict: 'qualified' })
    expect(judgeClaim(claim, bare).because).toContain(
      'without 1 of 4 rounds: the server does not tell this figure',
    )
    const all = recordFixture({ a: [0, 0, 0], b: [2, 2, 2] })
    expect(judgeClaim(claim, all)).toMatchObject({
      verdict: 'not measured',
      because: 'b.load.s / a.load.s is no number there',
    })
  })

  it('is at most qualified, and not refuted either, where the clients were the limit of a time', () => {
    const busy = (share: number): ExperimentRecord =>
      withValues(twice, ['b', 2], { 'load.s': 2.2, 'load.clientCores': share })
    expect(judgeClaim(claimFixture([{}]), busy(0.5)).verdict).toBe('confirmed')
    expect(judgeClaim(claimFixture([{}]), busy(0.97))).toMatchObject({
      verdict: 'qualified',
      because:
        'b over a: 2 ×, documented 1.8–2.2 ×, where the clients were the limit (busy 97 % of the time), not the server',
      measures: [{ clientsBusy: 0.97 }],
    })
    const far = { documented: { atMost: 1.5 } }
    expect(judgeClaim(claimFixture([far]), busy(0.5)).verdict).toBe('refuted')
    expect(judgeClaim(claimFixture([far]), busy(0.97)).verdict).toBe('qualified')
    // A thread that waits for a core takes little of it, and is the limit all the same.
    const waiting = { 'load.s': 2.2, 'load.clientCores': 0.4, 'load.clientBusy': 0.95 }
    const found = judgeClaim(claimFixture([{}]), withValues(twice, ['b', 2], waiting))
    expect(found.verdict).toBe('qualified')
    expect(found.because).toContain('busy 95 % of the time')
  })

  it('is qualified by a limit that clients kept, not by what is only told, nor by counters of theirs', () => {
    const busy = withValues(twice, ['a', 1], {
      'load.s': 1,
      'load.rows': 100,
      'load.clientBusy': 0.99,
    })
    const counted = { ...rows, value: 'b.load.rows', documented: { atLeast: 1 } } as const
    const rate = { says: 'a', value: 'a.load.s', unit: 's' } as const
    const limit = { ...rate, role: 'limits', documented: { atLeast: 0.5 } } as const
    const limited = judgeClaim(claimFixture([counted, limit]), busy)
    expect(limited.verdict).toBe('qualified')
    expect(limited.because).toContain(
      '; but a: 900 ms – 1.1 s, documented at least 500 ms, where the clients were the limit',
    )
    const context = { ...rate, role: 'context', documented: undefined } as const
    expect(judgeClaim(claimFixture([counted, context]), busy).verdict).toBe('confirmed')
    const ownCount = { ...counted, value: 'a.load.rows' }
    expect(judgeClaim(claimFixture([ownCount]), busy)).toMatchObject({
      verdict: 'confirmed',
      measures: [{ clientsBusy: null }],
    })
  })

  it('agrees with what was seen before within the room given, or tells the reason', () => {
    const seen = { value: 2.1, where: 'elsewhere', within: 0.1, differs: 'another disk' }
    const [near] = judgeClaim(claimFixture([{ seen }]), twice).measures
    expect(near).toMatchObject({ seen: { agrees: true } })
    const [far] = judgeClaim(claimFixture([{ seen }]), tenfold).measures
    expect(far).toMatchObject({ seen: { agrees: false, differs: 'another disk' } })
  })
})

describe('the rule', () => {
  const against = fc.constantFrom<'inside' | 'outside' | 'across'>('inside', 'outside', 'across')

  it('holds an interval against bounds without a gap and without an overlap', () => {
    const number = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(number, number, number, number, (a, b, c, d) => {
        const interval = { low: Math.min(a, b), mid: (a + b) / 2, high: Math.max(a, b) }
        const bounds = { atLeast: Math.min(c, d), atMost: Math.max(c, d) }
        const found = compare(interval, bounds)
        const overlaps = interval.low <= bounds.atMost && interval.high >= bounds.atLeast
        expect(found === 'outside').toBe(!overlaps)
        const within = interval.low >= bounds.atLeast && interval.high <= bounds.atMost
        expect(found === 'inside').toBe(within)
      }),
    )
  })

  it('confirms only what lies inside as a whole, and refutes only what lies outside as a whole', () => {
    const values = { inside: 2, outside: 9 }
    fc.assert(
      fc.property(fc.array(against, { minLength: 1, maxLength: 5 }), (sides) => {
        const arms = (side: (typeof sides)[number]): readonly number[] =>
          side === 'across' ? [2, 9, 2] : [values[side], values[side], values[side]]
        const figures = sides.map((side, i) => [`load.f${String(i)}`, arms(side)] as const)
        const base = recordFixture({ a: [1, 1, 1], b: [] })
        const record = {
          ...base,
          arms: base.arms.map((run, round) => ({
            ...run,
            outcome: {
              state: 'measured' as const,
              texts: {},
              values: Object.fromEntries(figures.map(([name, all]) => [name, all[round] ?? 0])),
            },
          })),
        }
        const claim = claimFixture(sides.map((_, i) => ({ value: `a.load.f${String(i)}` })))
        const expected: ClaimVerdict = sides.every((side) => side === 'inside')
          ? 'confirmed'
          : sides.every((side) => side === 'outside')
            ? 'refuted'
            : 'qualified'
        expect(judgeClaim(claim, record).verdict).toBe(expected)
      }),
    )
  })

  it('counts all claims in one sentence', () => {
    const record = claimsRecordFixture([claimFixture([{}]), claimFixture([{}], { id: 'X2' })], [])
    expect(judgeClaims(record).verdict).toBe('Of 2 documented claims: 2 not measured.')
  })
})
