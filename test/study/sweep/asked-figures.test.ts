import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sweepAsked } from '../../../src/cli/sweep-asked.ts'
import { HeadroomError } from '../../../src/kit/errors.ts'
import { loadSweep } from '../../../src/study/sweep/sweep-file.ts'
import { temporaryFolder } from '../../cli/cli-process.ts'

/** Its figures begin on line 6. */
const SWEEP = `name: mine
question: What does it cost?
scenario: smoke
targets: [pg-batch]
vary: [{ path: scenario.batchEvents, values: [1, 10] }]
figures:
`

function fileWith(figures: readonly string[]): string {
  const folder = temporaryFolder()
  onTestFinished(folder.remove)
  const file = join(folder.path, 'mine.yaml')
  writeFileSync(file, SWEEP + figures.map((figure) => `  - ${figure}\n`).join(''))
  return file
}

function problemsOf(figures: readonly string[]): readonly string[] {
  const file = fileWith(figures)
  try {
    sweepAsked({ what: file, vary: [], set: [] })
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    expect(error.code).toBe('BAD_INPUT')
    return error.problems.map(({ file: shown, line, path, message, remedy }) => {
      expect(shown).toContain('mine.yaml')
      return `${String(line)} ${path}: ${message}; ${remedy}`
    })
  }
  return []
}

describe('the figures of a sweep file', () => {
  it('need no more than a key: the metric says the rest', () => {
    const file = fileWith([
      'query.seconds{Q1}',
      'table.deadRows{events}',
      "{ metric: 'table.deadRows{events}', of: worst }",
      'outbox.rowsPerClaim{worker}',
      "{ metric: 'outbox.rowsPerClaim{service}', better: more }",
      'checkpoint.requested',
    ])
    expect(loadSweep(file).figures).toEqual([
      { metric: 'query.seconds{Q1}', of: 'p50', better: 'less' },
      { metric: 'table.deadRows{events}', of: 'mean', better: 'less' },
      { metric: 'table.deadRows{events}', of: 'worst', better: 'less' },
      { metric: 'outbox.rowsPerClaim{worker}', of: 'mean', better: 'neither' },
      { metric: 'outbox.rowsPerClaim{service}', of: 'mean', better: 'more' },
      { metric: 'checkpoint.requested', of: 'growth', better: 'less' },
    ])
    expect(sweepAsked({ what: file, vary: [], set: [] }).sweep.figures).toHaveLength(6)
  })

  it('are refused with their line and what is known where no metric is meant', () => {
    const [unknown, ...more] = problemsOf(['table.deadRow{events}'])
    expect(unknown).toMatch(
      /^7 figures\[0\]: no metric is called "table\.deadRow"; did you mean "table\.deadRows"\? known: /,
    )
    expect(more).toEqual([])
  })

  it.each([
    ['table.deadRows', 'figures[1]: table.deadRows has one value per table; say which'],
    ['sessions.open{x}', 'figures[1]: sessions.open has no label; write sessions.open'],
    [
      '{ metric: checkpoint.requested, of: worst }',
      'figures[1].of: a run does not keep "worst" of checkpoint.requested; known: growth',
    ],
    ['latency.p99Us', 'figures[1]: every sweep is compared by latency.p99Us already'],
    ['buffers.hitRatio', 'figures[1]: buffers.hitRatio mean stands twice; keep one'],
    ['query.seconds{Q9}', 'figures[1]: no point of the sweep is asked Q9; asked: Q1'],
    ['query.planMs{Q9}', 'figures[1]: no point of the sweep is asked Q9'],
    ['{ metric: sessions.open, of: median }', 'figures[1]'],
  ])('are refused where %s stands second', (figure, words) => {
    const [problem = ''] = problemsOf(['buffers.hitRatio', figure])
    expect(problem).toContain(`8 ${words}`)
  })
})
