import { describe, expect, it } from 'vitest'
import type { SweepCell } from '../../src/judge/sweep.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { withOutcome } from '../fixtures/study.ts'
import { sweepFindingsFixture, sweepFixture } from '../fixtures/sweep.ts'

function cell(options: Parameters<typeof sweepFindingsFixture>[0], at: number, figure: string) {
  const { sweep } = sweepFindingsFixture(options)
  const found = sweep?.rows[at]?.cells.find((one) => one.figure === figure)
  if (found === undefined) throw new Error(`no ${figure}`)
  return found satisfies SweepCell
}

/** Every point measured what the first did. */
function asFirst(run: RunRecord): RunRecord {
  const { runs } = sweepFixture()
  const like = runs.find((one) => one.target.name === 'pg-direct' && one.round === run.round)
  return like === undefined ? run : { ...run, engines: like.engines, outcome: like.outcome }
}

/** As if every step had had so few events. */
function withSamples(run: RunRecord, samples: number): RunRecord {
  if (run.outcome.state !== 'completed') return run
  const { measured } = run.outcome
  const steps = measured.steps.map((step) => ({
    ...step,
    latencyUs: step.latencyUs === null ? null : { ...step.latencyUs, samples },
  }))
  return { ...run, outcome: { ...run.outcome, measured: { ...measured, steps } } }
}

describe('a point against its base', () => {
  it('is better or worse where the intervals of three rounds separate, and its ratio says by how much', () => {
    const rate = cell({}, 1, 'rate.sustainedPerS')
    expect(rate.seen).toBe('better')
    expect(rate.ratio?.mid).toBeGreaterThan(1.3)
    const base = cell({}, 0, 'rate.sustainedPerS')
    expect(base.seen).toBe('base')
    expect(base.ratio).toBeNull()
  })

  it('shows no difference where the rounds overlap', () => {
    const p99 = cell({ tweak: asFirst }, 1, 'latency.p99Us')
    expect(p99.seen).toBe('no-difference')
    expect(p99.ratio).toEqual({ low: 1, mid: 1, high: 1 })
    expect(sweepFindingsFixture({ tweak: asFirst }).verdict).toBe(
      'No difference seen against pg-direct, batchEvents=1: in every figure the rounds overlap.',
    )
  })

  it('has p50 of twenty events and p99 of a thousand only', () => {
    const few = (samples: number) => (run: RunRecord) => withSamples(run, samples)
    for (const [figure, needed] of [
      ['latency.p50Us', 20],
      ['latency.p99Us', 1_000],
    ] as const) {
      expect(cell({ tweak: few(needed) }, 1, figure).interval, figure).not.toBeNull()
      expect(cell({ tweak: few(needed - 1) }, 1, figure).interval, figure).toBeNull()
    }
  })

  it('says that two rounds are too few, whatever they show', () => {
    expect(cell({ rounds: 2 }, 1, 'rate.sustainedPerS').seen).toBe('too-few-rounds')
    expect(sweepFindingsFixture({ rounds: 2 }).verdict).toMatch(/^Too few rounds to see/)
  })

  it('is not compared with a base that no round counts of', () => {
    const aborted = (run: RunRecord): RunRecord =>
      run.target.name === 'pg-direct' ? withOutcome(run, 'aborted') : run
    expect(cell({ tweak: aborted }, 1, 'rate.sustainedPerS').seen).toBe('not-measured')
    expect(sweepFindingsFixture({ tweak: aborted }).verdict).toMatch(/^Nothing could be compared/)
  })
})

describe('a run that was made again', () => {
  const isLate = ({ target, round }: RunRecord): boolean =>
    target.name === 'pg-batch' && round === 2
  /** Twice as good as it would have been in its place: as on a machine that fell quiet. */
  const late = (run: RunRecord): RunRecord => {
    if (!isLate(run) || run.outcome.state !== 'completed') return run
    const { measured } = run.outcome
    const sustainedPerS = (measured.sustainedPerS ?? 0) * 2
    const outcome = { ...run.outcome, measured: { ...measured, sustainedPerS } }
    return { ...run, repeats: 'the-void-one', outcome }
  }
  const lateBase = (run: RunRecord): RunRecord =>
    run.target.name === 'pg-direct' && run.round === 2 ? { ...run, repeats: 'the-void-one' } : run

  it('counts in the interval and in no ratio: no base ran beside it', () => {
    const plain = cell({}, 1, 'rate.sustainedPerS')
    const again = cell({ tweak: late }, 1, 'rate.sustainedPerS')
    expect(again.interval?.high).toBeGreaterThan((plain.interval?.high ?? 0) * 1.5)
    expect(again.ratio?.high).toBeLessThanOrEqual(plain.ratio?.high ?? 0)
    expect(again.seen).toBe('better')
  })

  it('is as little the base of what ran in its round', () => {
    const all = cell({}, 1, 'cpu.msPer1000Events{service}')
    const without = cell({ tweak: lateBase }, 1, 'cpu.msPer1000Events{service}')
    expect(without.interval).toEqual(all.interval)
    expect(without.ratio).not.toEqual(all.ratio)
  })

  it('is told of its point', () => {
    const { sweep } = sweepFindingsFixture({ tweak: late })
    expect(sweep?.rows.map(({ unpairedRounds }) => unpairedRounds)).toEqual([0, 1, 0, 0])
  })
})

describe('the best point', () => {
  it('is never one that promises less', () => {
    const { sweep } = sweepFindingsFixture()
    const stars = sweep?.rows.filter(({ cells }) => cells[0]?.best).map(({ target }) => target)
    expect(stars).toEqual(['pg-batch'])
    const promises = sweep?.rows.map(({ promisesOther }) => promisesOther)
    expect(promises).toEqual([false, false, false, true])
  })

  it.each([
    [2, false],
    [3, true],
  ])('is named where there are %i rounds: %s, two bases or one', (rounds, isNamed) => {
    for (const twoTargets of [true, false]) {
      const { sweep } = sweepFindingsFixture({ rounds, twoTargets })
      const best = sweep?.rows.flatMap(({ cells }) => cells.filter((one) => one.best)) ?? []
      expect(best.length > 0).toBe(isNamed)
    }
  })
})

describe('the verdict of a sweep', () => {
  it('names what moved most, figure by figure, and what an event survives there', () => {
    const { verdict } = sweepFindingsFixture()
    expect(verdict).toMatch(/^Compared with pg-direct, batchEvents=1: the rate held is /)
    expect(verdict).toContain('where an acknowledged event survives a process-kill')
  })
})
