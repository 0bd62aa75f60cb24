import { describe, expect, it } from 'vitest'
import { HeadroomError } from '../../../src/kit/errors.ts'
import { loadScenario } from '../../../src/scenario/load.ts'
import { axisOfFlag } from '../../../src/study/sweep/axes.ts'
import { gridOf } from '../../../src/study/sweep/grid.ts'
import { sweepPoints } from '../../../src/study/sweep/points.ts'
import { loadTargets } from '../../../src/target/load.ts'

const SYNC = 'engines.database.settings.synchronous_commit'

function pointsOf(
  vary: readonly string[],
  options: { readonly targets?: string; readonly mode?: 'one-at-a-time' } = {},
) {
  const read = vary.map(axisOfFlag)
  const { scenario, dir } = loadScenario('smoke')
  return sweepPoints({
    targets: loadTargets(options.targets ?? 'pg-batch'),
    scenario,
    scenarioDir: dir,
    set: {},
    axes: read.flatMap((one) => (one.ok ? [one.value] : [])),
    mode: options.mode ?? 'cross',
    problems: read.flatMap((one) => (one.ok ? [] : [one.problem])),
  })
}

function problemsOf(vary: readonly string[], targets?: string): readonly string[] {
  try {
    pointsOf(vary, targets === undefined ? {} : { targets })
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    return error.problems.map(({ path, message }) => `${path}: ${message}`)
  }
  return []
}

describe('a grid', () => {
  it('is every combination, or each axis alone, with the base first', () => {
    expect(gridOf([2, 2], 'cross')).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ])
    expect(gridOf([2, 3], 'one-at-a-time')).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
      [0, 2],
    ])
  })
})

describe('the points of a sweep', () => {
  it('are targets with names of their own and settings or a scenario of their own', () => {
    const { points, described } = pointsOf([`${SYNC}=on,off`, 'scenario.batchEvents=1,100'])
    expect(points.map(({ target }) => target.name)).toEqual([
      'pg-batch-synchronous-commit-on-batch-events-1',
      'pg-batch-synchronous-commit-on-batch-events-100',
      'pg-batch-synchronous-commit-off-batch-events-1',
      'pg-batch-synchronous-commit-off-batch-events-100',
    ])
    const last = points.at(-1)
    expect(last?.scenario.batchEvents).toBe(100)
    expect(last?.target).toMatchObject({
      engines: { database: { settings: { synchronous_commit: 'off', shared_buffers: '256MB' } } },
    })
    expect(described.points.at(-1)).toEqual({
      target: 'pg-batch-synchronous-commit-off-batch-events-100',
      of: 'pg-batch',
      label: 'pg-batch, synchronous_commit=off, batchEvents=100',
      levels: [1, 1],
    })
  })

  it('compare one value alone with what the file says', () => {
    const { described } = pointsOf([`${SYNC}=off`, 'engines.database.settings.wal_compression=on'])
    expect(described.axes.map(({ levels }) => levels.map(({ label }) => label))).toEqual([
      ['on', 'off'],
      ['default', 'on'],
    ])
  })

  it('take settings whose names hold dots, lists, and texts in quotes', () => {
    const path = 'engines.database.settings.pg_stat_statements.max'
    const { points } = pointsOf([`${path}=1000,2000`])
    expect(points[1]?.target).toMatchObject({
      engines: { database: { settings: { 'pg_stat_statements.max': 2000 } } },
    })
    const { described } = pointsOf(['engines.database.settings.search_path="a, b",c'])
    expect(described.axes[0]?.levels.map(({ label }) => label)).toEqual(['a, b', 'c'])
  })

  it('have short names that differ, however long the values are', () => {
    const long = 'x'.repeat(90)
    const { points } = pointsOf([`engines.database.settings.cluster_name=${long}1,${long}2`])
    const names = points.map(({ target }) => target.name)
    expect(new Set(names).size).toBe(2)
    for (const name of names) expect(name).toMatch(/^[a-z0-9-]{1,56}$/)
  })
})

describe('values that cannot be run', () => {
  it('are all told at once, before anything starts', () => {
    const problems = problemsOf(
      [
        'settings.flushRowsMax=abc',
        'scenario.batchEvents=0,10',
        'scenario.slos=1',
        'nonsense.x=1',
        'bare',
      ],
      'pg-batch,pg-direct',
    )
    const paths = problems.map((problem) => problem.split(':')[0])
    expect(paths).toEqual([
      'bare',
      'settings.flushRowsMax',
      'settings.flushRowsMax',
      'scenario.batchEvents',
      'scenario.slos',
      'nonsense.x',
    ])
    expect(problems.join('\n')).toContain('(target pg-direct)')
  })

  it('say which role a target does not have, and refuse the same value twice', () => {
    expect(problemsOf(['engines.dtabase.settings.x=1,2']).join()).toContain('dtabase')
    expect(problemsOf([`${SYNC}=on,on`]).join()).toContain('is on at two points')
  })

  it('are too many where the grid is too large to read', () => {
    const many = Array.from({ length: 30 }, (_, at) => String(at + 1)).join(',')
    expect(() =>
      pointsOf([`scenario.batchEvents=${many}`, `scenario.connections=${many}`]),
    ).toThrow(/900 points; 200 are the most/)
  })
})
