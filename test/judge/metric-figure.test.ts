import { describe, expect, it } from 'vitest'
import type { Round } from '../../src/judge/evidence.ts'
import { metricFigure } from '../../src/judge/metric-figure.ts'
import type { Measured, Step } from '../../src/results/record.ts'
import type { FigureTake } from '../../src/results/sweep-record.ts'
import { sweepFixture } from '../fixtures/sweep.ts'

interface Changed {
  readonly step?: (step: Step) => Partial<Step>
  readonly measured?: (measured: Measured) => Partial<Measured>
}

/** The first measured step of a round, and the round changed there. */
function roundOf({ step: ofStep, measured: ofAll }: Changed): { round: Round; step: Step } {
  const [run] = sweepFixture().runs
  if (run?.outcome.state !== 'completed') throw new Error('it is completed')
  const { measured } = run.outcome
  const at = measured.steps.findIndex(({ kind }) => kind === 'measure')
  const steps = measured.steps.map((one, index) =>
    index === at ? { ...one, ...ofStep?.(one) } : one,
  )
  const step = steps[at]
  if (step === undefined) throw new Error('it has a measured step')
  const changed = { ...measured, steps, ...ofAll?.(measured) }
  return {
    round: { run: { ...run, outcome: { ...run.outcome, measured: changed } }, measured: changed },
    step,
  }
}

function figure(metric: string, of: FigureTake, changed: Changed): number | null {
  const { round, step } = roundOf(changed)
  return metricFigure(round, { metric, of }, step.targetPerS)
}

describe('requested checkpoints of a step', () => {
  const counted = (requested: number, marks: (step: Step) => Measured['checkpoints']) => {
    const { step } = roundOf({})
    return figure('checkpoint.requested', 'growth', {
      step: ({ metrics }) => ({ metrics: { ...metrics, 'checkpoint.requested': requested } }),
      measured: () => ({ checkpoints: marks(step) }),
    })
  }

  it('are those that the server began: the harness’s own within the step are taken off', () => {
    const own = ({ fromMs, toMs }: Step): Measured['checkpoints'] => [
      { atMs: fromMs, reason: 'start' },
      { atMs: (fromMs + toMs) / 2, reason: 'labelled' },
    ]
    expect(counted(5, own)).toBe(3)
    expect(counted(2, own)).toBe(0)
  })

  it('keep what happened outside the step, and what the server began by itself', () => {
    const others = ({ fromMs, toMs }: Step): Measured['checkpoints'] => [
      { atMs: fromMs - 1_000, reason: 'start' },
      { atMs: (fromMs + toMs) / 2, reason: 'engine' },
      { atMs: toMs + 1, reason: 'labelled' },
    ]
    expect(counted(5, others)).toBe(5)
  })

  it('lose no whole one where the first CHECKPOINT was sampled across the step’s border', () => {
    // A timer may end a millisecond early, and a sample before the border leaves a part of the growth outside.
    const early = ({ fromMs }: Step): Measured['checkpoints'] => [
      { atMs: fromMs - 1, reason: 'start' },
    ]
    expect(counted(2.3, early)).toBe(2)
    expect(counted(0.3, early)).toBe(0)
  })

  it('stand beside the timed ones, of which none is the harness’s', () => {
    const timed = figure('checkpoint.timed', 'growth', {
      step: ({ metrics }) => ({ metrics: { ...metrics, 'checkpoint.timed': 1 } }),
    })
    expect(timed).toBe(1)
  })
})

describe('a percentile of a step', () => {
  const latency = (samples: number) => ({
    step: ({ latencyUs }: Step) => ({
      latencyUs: latencyUs === null ? null : { ...latencyUs, samples },
    }),
  })

  it.each([
    ['latency.p50Us', 'p50', 20],
    ['latency.p90Us', 'p90', 100],
    ['latency.p99Us', 'p99', 1_000],
    ['latency.p999Us', 'p999', 10_000],
  ] as const)('%s needs ten events beyond it', (metric, of, least) => {
    expect(figure(metric, of, latency(least - 1))).toBeNull()
    expect(figure(metric, of, latency(least))).toBeGreaterThan(0)
  })

  it('is asked the same of freshness and of the send delay', () => {
    const store = Object.keys(roundOf({}).step.freshnessUs)[0] ?? ''
    const fresh = (samples: number): Changed => ({
      step: ({ freshnessUs }) => {
        const own = freshnessUs[store]
        return { freshnessUs: own === undefined ? {} : { [store]: { ...own, samples } } }
      },
    })
    expect(figure(`freshness.p99Us{${store}}`, 'p99', fresh(999))).toBeNull()
    expect(figure(`freshness.p99Us{${store}}`, 'p99', fresh(1_000))).toBeGreaterThan(0)
    const sent = (samples: number): Changed => ({
      step: ({ sendDelayUs }) => ({
        sendDelayUs: sendDelayUs === null ? null : { ...sendDelayUs, samples },
      }),
    })
    expect(figure('sendDelay.p99Us', 'p99', sent(999))).toBeNull()
    expect(figure('sendDelay.p99Us', 'p99', sent(1_000))).toBeGreaterThan(0)
  })
})

describe('the median of a query', () => {
  it('needs twenty answers', () => {
    const asked = (samples: number): Changed => ({
      measured: ({ queries }) => ({
        queries: queries.map((query) =>
          query.seconds === null ? query : { ...query, seconds: { ...query.seconds, samples } },
        ),
      }),
    })
    expect(figure('query.seconds{Q1}', 'p50', asked(19))).toBeNull()
    expect(figure('query.seconds{Q1}', 'p50', asked(20))).toBeGreaterThan(0)
  })
})
