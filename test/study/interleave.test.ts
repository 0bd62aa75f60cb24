import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Scenario } from '../../src/scenario/scenario.ts'
import { estimateStudy, eventsAtMost, measureSecondsOf } from '../../src/study/estimate.ts'
import { interleave } from '../../src/study/interleave.ts'

describe('rounds', () => {
  it('run every target once each, and drift hits all alike: the order turns round by round', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 8 }),
        (targets, rounds) => {
          const planned = interleave(targets, rounds)
          expect(planned.map((run) => run.position)).toEqual(planned.map((_, at) => at + 1))
          for (let round = 1; round <= rounds; round++) {
            const order = planned.filter((run) => run.round === round).map((run) => run.target)
            expect(order).toEqual(round % 2 === 1 ? targets : targets.toReversed())
          }
          // Over each pair of rounds every target has the same mean position.
          if (rounds >= 2) {
            const means = targets.map((target) => {
              const own = planned.filter((run) => run.target === target && run.round <= 2)
              return own.reduce((sum, run) => sum + run.position, 0) / 2
            })
            expect(new Set(means).size).toBe(1)
          }
        },
      ),
    )
  })
})

describe('the estimate', () => {
  const scenario = (rate: unknown, more: object = {}) =>
    Scenario.parse({
      name: 'x',
      seed: 1,
      rate,
      phases: { warmupS: 2, measureS: 10, drainS: 5 },
      ...more,
    })

  it('knows how long each shape of rate is measured', () => {
    const steps = scenario({ kind: 'steps', ratesPerS: [100, 200, 300], stepS: 4 })
    expect(measureSecondsOf(steps, 0)).toBe(12)
    expect(measureSecondsOf(scenario({ kind: 'constant', ratePerS: 100 }), 0)).toBe(10)
    const recorded = scenario({
      kind: 'recorded',
      file: 'x.csv',
      format: 'csv',
      mapping: {
        organization_id: 'a',
        transaction_id: 'b',
        external_customer_id: 'c',
        code: 'd',
        timestamp: 'e',
      },
      pace: { kind: 'recorded' },
    })
    expect(measureSecondsOf(recorded, 42)).toBe(42)
  })

  it('counts the most events a run can send, warm-up included', () => {
    const steps = scenario({ kind: 'steps', ratesPerS: [100, 200], stepS: 4 })
    expect(eventsAtMost(steps, 0)).toBe(2 * 200 + 100 * 4 + 200 * 4)
  })

  it('asks for no room for engines where none is started', () => {
    const short = scenario({ kind: 'constant', ratePerS: 100 })
    const run = { scenario: short, recordedS: 0, recordedEvents: 0, startsEngines: true }
    const { diskBytes } = estimateStudy([{ ...run, startsEngines: false }])
    expect(diskBytes).toBeLessThan(estimateStudy([run]).diskBytes / 5)
  })

  it('adds up runs of different scenarios, and asks for the room of the largest', () => {
    const of = (ratePerS: number) => ({
      scenario: scenario({ kind: 'constant', ratePerS }),
      recordedS: 0,
      recordedEvents: 0,
      startsEngines: true,
    })
    const [small, large] = [estimateStudy([of(10)]), estimateStudy([of(1e5)])]
    const both = estimateStudy([of(10), of(1e5)])
    expect(both.diskBytes).toBe(large.diskBytes)
    expect(both.seconds).toBeGreaterThan(small.seconds)
    expect(both.seconds).toBeLessThanOrEqual(small.seconds + large.seconds)
  })

  it('grows with runs, rows and rate, never shrinks', () => {
    fc.assert(
      fc.property(
        fc.record({
          rows: fc.nat(1e6),
          more: fc.nat(1e6),
          perS: fc.integer({ min: 1, max: 1e5 }),
          runs: fc.integer({ min: 1, max: 50 }),
        }),
        ({ rows, more, perS, runs }) => {
          const of = (initialRows: number, count: number) =>
            estimateStudy(
              Array.from({ length: count }, () => ({
                scenario: scenario({ kind: 'constant', ratePerS: perS }, { initialRows }),
                recordedS: 0,
                recordedEvents: 0,
                startsEngines: true,
              })),
            )
          expect(of(rows + more, runs).seconds).toBeGreaterThanOrEqual(of(rows, runs).seconds)
          expect(of(rows + more, runs).diskBytes).toBeGreaterThanOrEqual(of(rows, runs).diskBytes)
          expect(of(rows, runs + 1).seconds).toBeGreaterThan(of(rows, runs).seconds)
        },
      ),
    )
  })
})
