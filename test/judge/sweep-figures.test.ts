import { describe, expect, it } from 'vitest'
import { takesOf } from '../../src/judge/metric-figure.ts'
import { METRICS, metricKey } from '../../src/collect/metrics.ts'
import type { SweepCell } from '../../src/judge/sweep.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { Sweep } from '../../src/results/sweep-record.ts'
import type { SweepFigure } from '../../src/results/sweep-record.ts'
import { sweepFindingsFixture, sweepFixture } from '../fixtures/sweep.ts'

type Of = SweepFigure['of']

const asked = (metric: string, of: Of, better: SweepFigure['better'] = 'less'): SweepFigure => ({
  metric,
  of,
  better,
})

/** What each run of each point says instead. */
interface Said {
  /** One for all rounds, or one for each; null: the point has none. */
  readonly metrics?: Readonly<Record<string, readonly (number | readonly number[] | null)[]>>
  readonly worst?: Readonly<Record<string, readonly number[]>>
  readonly plans?: readonly number[]
}

const POINTS = ['pg-direct', 'pg-batch', 'dual-write', 'clickhouse-direct']

/** By point, in their order; what is not said of a point is left as it is. */
function saying(said: Said): (run: RunRecord) => RunRecord {
  return (run) => {
    if (run.outcome.state !== 'completed') return run
    const at = POINTS.indexOf(run.target.name)
    const own = (by: Said['metrics'] = {}): Record<string, number> =>
      Object.fromEntries(
        Object.entries(by).flatMap(([key, values]) => {
          const said = values[at] ?? null
          const value = said instanceof Array ? said[run.round - 1] : said
          return value === undefined || value === null ? [] : [[key, value]]
        }),
      )
    const { measured } = run.outcome
    const steps = measured.steps.map((step) => ({
      ...step,
      metrics: { ...step.metrics, ...own(said.metrics) },
      worst: own(said.worst),
    }))
    const planMs = said.plans?.[at]
    const queries = measured.queries.map((query) =>
      planMs === undefined || query.name !== 'Q1'
        ? query
        : { ...query, plan: { planMs, nodes: ['Index Scan'] } },
    )
    return { ...run, outcome: { ...run.outcome, measured: { ...measured, steps, queries } } }
  }
}

function cells(figure: SweepFigure, said: Said = {}): readonly SweepCell[] {
  const { sweep } = sweepFindingsFixture({ figures: [figure], tweak: saying(said) })
  return (sweep?.rows ?? []).map((row) => {
    const [first] = row.cells
    if (first === undefined) throw new Error('it has cells')
    return first
  })
}

describe('a figure that a sweep asks for', () => {
  it('stands before those of every sweep, in words, with its unit and its direction', () => {
    const { sweep } = sweepFindingsFixture({
      figures: [asked('table.deadRows{outbox}', 'worst'), asked('query.seconds{Q1}', 'p50')],
    })
    expect(sweep?.columns.slice(0, 3)).toMatchObject([
      { figure: 'table.deadRows{outbox} worst', words: 'dead tuples (outbox, worst window)' },
      { figure: 'query.seconds{Q1} p50', words: 'query time (Q1, p50)', unit: 's' },
      { figure: 'rate.sustainedPerS', asked: null },
    ])
  })

  it('is judged as the others are, and said first', () => {
    const metrics = { 'table.hotUpdateRatio{outbox}': [0.2, 0.8, 0.2, 0.1] }
    const figure = asked('table.hotUpdateRatio{outbox}', 'mean', 'more')
    expect(cells(figure, { metrics }).map(({ seen }) => seen)).toEqual([
      'base',
      'better',
      'no-difference',
      'worse',
    ])
    expect(cells(figure, { metrics })[1]).toMatchObject({ ratio: { mid: 4 }, best: true })
    const { verdict } = sweepFindingsFixture({ figures: [figure], tweak: saying({ metrics }) })
    expect(verdict).toMatch(/^Compared with .*: HOT share \(outbox\) is 4× at batchEvents=10/)
  })

  it('takes the worst window of the step, not its mean', () => {
    const said = {
      metrics: { 'table.deadRows{outbox}': [10, 10, 10, 10] },
      worst: { 'table.deadRows{outbox}': [100, 50, 100, 400] },
    }
    const mids = cells(asked('table.deadRows{outbox}', 'worst'), said).map(
      (one) => one.interval?.mid,
    )
    expect(mids).toEqual([100, 50, 100, 400])
  })

  it('differs, and is never best, where neither less nor more is better', () => {
    const metrics = { 'outbox.rowsPerClaim{worker}': [10, 90, 10, 10] }
    const [, other] = cells(asked('outbox.rowsPerClaim{worker}', 'mean', 'neither'), { metrics })
    expect(other).toMatchObject({ seen: 'differs', best: false })
  })

  it('has no ratio to a base of 0, and the sentence says both values', () => {
    const metrics = { 'replica.cancelledQueries{replica}': [0, 12, 0, 0] }
    const figure = asked('replica.cancelledQueries{replica}', 'growth')
    const [, more, none] = cells(figure, { metrics })
    expect(more).toMatchObject({ seen: 'worse', ratio: null })
    expect(none).toMatchObject({ seen: 'no-difference', ratio: null })
    const { verdict } = sweepFindingsFixture({ figures: [figure], tweak: saying({ metrics }) })
    expect(verdict).toContain('(replica, in all) is 12 queries instead of 0 queries at')
  })

  it('has no ratio where the base was 0 in one round: that round would vanish from it', () => {
    const metrics = { 'replica.cancelledQueries{replica}': [[0, 4, 4], 12, [4, 4, 4], 0] }
    const figure = asked('replica.cancelledQueries{replica}', 'growth')
    const [, more] = cells(figure, { metrics })
    expect(more).toMatchObject({ seen: 'worse', ratio: null })
    const { verdict } = sweepFindingsFixture({ figures: [figure], tweak: saying({ metrics }) })
    expect(verdict).toContain('(replica, in all) is 12 queries instead of 4 queries at')
  })

  it('has no ratio where a round was never answered: the rounds left would read as the whole', () => {
    const tweak = (run: RunRecord): RunRecord => {
      if (run.outcome.state !== 'completed') return run
      if (run.target.name !== 'pg-batch' || run.round !== 2) return run
      const { measured } = run.outcome
      const queries = measured.queries.map((query) =>
        query.seconds === null
          ? query
          : { ...query, seconds: { ...query.seconds, max: 'infinite' as const } },
      )
      return { ...run, outcome: { ...run.outcome, measured: { ...measured, queries } } }
    }
    const figures = [asked('query.seconds{Q1}', 'worst')]
    const never = sweepFindingsFixture({ figures, tweak }).sweep?.rows[1]?.cells[0]
    expect(never?.interval?.high).toBe(Infinity)
    expect(never?.ratio).toBeNull()
  })

  it('names the point furthest from a base of 0', () => {
    const metrics = { 'replica.cancelledQueries{replica}': [0, 12, 90, 3] }
    const figure = asked('replica.cancelledQueries{replica}', 'growth')
    const { verdict } = sweepFindingsFixture({ figures: [figure], tweak: saying({ metrics }) })
    expect(verdict).toContain('is 90 queries instead of 0 queries at batchEvents=100')
  })

  it('does not take a point that ran beside no base for the largest effect', () => {
    const metrics = { 'table.hotUpdateRatio{outbox}': [0.2, 0.3, 0.8, 0.2] }
    const figure = asked('table.hotUpdateRatio{outbox}', 'mean', 'more')
    const tweak = (run: RunRecord): RunRecord => {
      const said = saying({ metrics })(run)
      return said.target.name === 'pg-batch' ? { ...said, repeats: 'the-void-one' } : said
    }
    const { sweep, verdict } = sweepFindingsFixture({ figures: [figure], tweak })
    expect(sweep?.rows[1]?.cells[0]).toMatchObject({ seen: 'better', ratio: null })
    expect(verdict).toContain('HOT share (outbox) is 4× at batchEvents=100')
  })

  it('is said without a ratio where its base has none', () => {
    const metrics = { 'table.hotUpdateRatio{outbox}': [null, 0.3, 0.8, null] }
    const figure = asked('table.hotUpdateRatio{outbox}', 'mean', 'more')
    const { verdict } = sweepFindingsFixture({ figures: [figure], tweak: saying({ metrics }) })
    expect(verdict).toMatch(
      / The base has none, so no ratio: HOT share \(outbox\) 30 % at batchEvents=10, 80 % at batchEvents=100\.$/,
    )
  })

  it('is named as not measured where no point knows it', () => {
    const figure = asked('table.deadRows{elsewhere}', 'mean')
    expect(cells(figure).map(({ seen }) => seen)).toEqual(Array(4).fill('not-measured'))
    expect(sweepFindingsFixture({ figures: [figure] }).verdict).toMatch(
      / Not measured at any point: dead tuples \(elsewhere\)\.$/,
    )
  })
})

describe('a figure of a query', () => {
  it('is of all its answers in the run: its median, its slowest, what it read and how it was planned', () => {
    const { runs } = sweepFixture()
    const [run] = runs
    if (run?.outcome.state !== 'completed') throw new Error('it is completed')
    const own = run.outcome.measured.queries.find(({ name }) => name === 'Q1')
    const [median] = cells(asked('query.seconds{Q1}', 'p50'))
    expect(median?.interval?.mid).toBe(own?.seconds?.p50)
    const [slowest] = cells(asked('query.seconds{Q1}', 'worst'))
    expect(slowest?.interval?.mid).toBe(own?.seconds?.max)
    const [rows] = cells(asked('query.rowsRead{Q1}', 'last'))
    expect(rows?.interval?.high).toBeGreaterThanOrEqual(own?.rowsRead ?? Infinity)
    const plans = cells(asked('query.planMs{Q1}', 'last'), { plans: [1, 8, 1, 1] })
    expect(plans.map(({ seen }) => seen)).toEqual([
      'base',
      'worse',
      'no-difference',
      'no-difference',
    ])
  })

  it('has a p99 only of a thousand answers', () => {
    expect(cells(asked('query.seconds{Q1}', 'p99'))[0]?.interval).toBeNull()
  })
})

describe('what a run keeps of a metric', () => {
  it.each([
    ['table.deadRows{outbox}', ['mean', 'worst']],
    ['table.hotUpdateRatio{outbox}', ['mean']],
    ['replica.cancelledQueries{replica}', ['growth']],
    ['freshness.p99Us{postgres.events}', ['p99', 'worst']],
    ['query.seconds{Q9}', ['p50', 'p90', 'p99', 'worst']],
    ['query.planMs{postgres.events}', ['mean', 'worst']],
    ['query.planMs{Q9}', ['last']],
    ['store.heapBytesPerEvent{postgres.events}', ['last']],
    ['no.suchMetric', []],
  ])('of %s: %j', (key, takes) => {
    expect(takesOf(key)).toEqual(takes)
  })

  it('is something, whatever the metric', () => {
    const without = METRICS.filter(({ id, label }) => {
      const key = metricKey(id, label === null ? null : 'x')
      return takesOf(key).length === 0
    })
    expect(without).toEqual([])
  })
})

describe('a record', () => {
  it('of before a sweep could ask for figures is read as one that asks for none', () => {
    const { study } = sweepFixture()
    if (study.kind !== 'sweep') throw new Error('it is a sweep')
    expect(Sweep.parse(study.sweep).figures).toBeUndefined()
    expect(sweepFindingsFixture().sweep?.columns.every(({ asked: own }) => own === null)).toBe(true)
  })
})
