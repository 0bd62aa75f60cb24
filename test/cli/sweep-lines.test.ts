import { describe, expect, it } from 'vitest'
import { sweepLines } from '../../src/cli/sweep-lines.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { sweepFindingsFixture } from '../fixtures/sweep.ts'

/** Only pg-batch has a view. */
function withView(run: RunRecord): RunRecord {
  if (run.outcome.state !== 'completed' || run.target.name !== 'pg-batch') return run
  const { measured } = run.outcome
  const steps = measured.steps.map((step) => ({
    ...step,
    metrics: { ...step.metrics, 'view.ageMs{worker}': 900 },
  }))
  return { ...run, outcome: { ...run.outcome, measured: { ...measured, steps } } }
}

describe('a sweep in a terminal', () => {
  it('tells the values of a figure that the base does not have', () => {
    const figures = [{ metric: 'view.ageMs{worker}', of: 'mean', better: 'less' } as const]
    const { sweep } = sweepFindingsFixture({ figures, tweak: withView })
    const lines = sweepLines(sweep)
    expect(lines).toContain('  its base has none: age of the view (worker) 900 ms')
  })
})
