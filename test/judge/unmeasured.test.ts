import { describe, expect, it } from 'vitest'
import { judgeStudy } from '../../src/judge/judge.ts'
import { unmeasuredSlos } from '../../src/judge/unmeasured.ts'
import { Slo } from '../../src/scenario/scenario.ts'
import { measuredOf, studyFixture } from '../fixtures/study.ts'

const STEPS =
  studyFixture({ targets: ['pg-direct'], rounds: 1 }).runs.map(measuredOf)[0]?.steps ?? []

function slo(metric: string, windowS = 3): Slo {
  return Slo.parse({ metric, max: 5e6, windowS })
}

function findingsWith(...slos: readonly Slo[]) {
  const { study, runs } = studyFixture({
    targets: ['pg-direct', 'pg-batch'],
    scenario: { slos: [slo('latency.p99Us'), ...slos] },
  })
  return judgeStudy({ study, runs, triggers: [] })
}

describe('an SLO on what was never measured', () => {
  it('is listed with the rates that count as kept without it', () => {
    const found = unmeasuredSlos(STEPS, [slo('latency.p99Us'), slo('freshness.p99Us{no.store}')])
    expect(found).toEqual([
      {
        metric: 'freshness.p99Us{no.store}',
        max: 5e6,
        windowS: 3,
        because: 'not-measured',
        ratesPerS: [500, 1000, 2000, 4000],
      },
    ])
  })

  it('is one where the query is not answered, or the part has another name', () => {
    const metrics = ['query.seconds{Q3}', 'cpu.cores{servise}']
    expect(
      unmeasuredSlos(
        STEPS,
        metrics.map((metric) => slo(metric)),
      ).map(({ metric }) => metric),
    ).toEqual(metrics)
  })

  it('is one whose window no step holds', () => {
    expect(unmeasuredSlos(STEPS, [slo('latency.p99Us', 60)])).toMatchObject([
      { because: 'step-too-short', windowS: 60 },
    ])
  })

  it('claims nothing of steps that broke another limit or were cut short', () => {
    const broken = STEPS.filter((step) => step.brokenSlo !== null)
    expect(broken.length).toBeGreaterThan(0)
    expect(unmeasuredSlos(broken, [slo('freshness.p99Us{no.store}')])).toEqual([])
    const cut = STEPS.map((step) => ({ ...step, complete: false }))
    expect(unmeasuredSlos(cut, [slo('freshness.p99Us{no.store}')])).toEqual([])
  })

  it('is named in a caveat and in the verdict, per target', () => {
    const { caveats, verdict, targets } = findingsWith(slo('freshness.p99Us{no.store}'))
    expect(caveats.join('\n')).toContain(
      'The SLO freshness.p99Us{no.store} ≤ 5 s was not measured of pg-direct: what pg-direct holds says nothing of this limit.',
    )
    expect(caveats.join('\n')).toContain('not measured of pg-batch')
    expect(verdict).toContain('as far as measured (freshness.p99Us{no.store} was not)')
    for (const { sentence } of targets) expect(sentence).toContain('as far as measured')
  })

  it('is nothing a study has whose every limit was measured', () => {
    const { caveats, verdict, targets } = findingsWith()
    expect(caveats.join('\n')).not.toContain('The SLO')
    expect(verdict).not.toContain('as far as measured')
    expect(targets.flatMap((target) => target.unmeasuredSlos)).toEqual([])
  })

  it('names the rates where only some steps were measured', () => {
    const { study, runs } = studyFixture({
      targets: ['pg-direct'],
      scenario: { slos: [slo('query.seconds{Q3}')] },
      tweak: (run) => {
        if (run.outcome.state !== 'completed') return run
        const { measured } = run.outcome
        const steps = measured.steps.map((step) =>
          step.targetPerS === 500
            ? step
            : { ...step, metrics: { ...step.metrics, 'query.seconds{Q3}': 0.1 } },
        )
        return { ...run, outcome: { ...run.outcome, measured: { ...measured, steps } } }
      },
    })
    expect(judgeStudy({ study, runs, triggers: [] }).caveats.join('\n')).toContain(
      'was not measured of pg-direct at 500 events/s:',
    )
  })
})
