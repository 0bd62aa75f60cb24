import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from '../../src/kit/histogram.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { chartsOf } from '../../src/report/charts/charts.ts'
import type { ChartSpec } from '../../src/report/charts/spec.ts'
import { percentileCurve } from '../../src/report/percentile-curve.ts'
import { meansOnGrid, pointsPerLine, ratesOnGrid, timeGrid } from '../../src/report/series.ts'
import { viewStudy } from '../../src/report/study-view.ts'
import { findingsFixture, seriesFixture } from './report-fixture.ts'

function chartsFor(options: Parameters<typeof findingsFixture>[0] = {}): readonly ChartSpec[] {
  const findings = findingsFixture(options)
  return chartsOf(viewStudy(findings, seriesFixture(findings)))
}

function chart(name: string, charts = chartsFor()): ChartSpec {
  const found = charts.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no chart ${name}`)
  return found
}

/** All steps cut short, all events sent late. */
function withLateDriver(run: RunRecord): RunRecord {
  if (run.outcome.state !== 'completed') return run
  const steps = run.outcome.measured.steps.map((step) => ({
    ...step,
    complete: false,
    sendDelayUs: step.sendDelayUs === null ? null : { ...step.sendDelayUs, p99: 900_000 },
  }))
  return { ...run, outcome: { ...run.outcome, measured: { ...run.outcome.measured, steps } } }
}

function withUnansweredQueries(run: RunRecord): RunRecord {
  if (run.outcome.state !== 'completed') return run
  const queries = run.outcome.measured.queries.map((query) =>
    query.name !== 'Q1' || query.seconds === null
      ? query
      : { ...query, failed: 3, seconds: { ...query.seconds, p50: 'infinite' as const } },
  )
  return { ...run, outcome: { ...run.outcome, measured: { ...run.outcome.measured, queries } } }
}

function withExplainedQueries(run: RunRecord): RunRecord {
  if (run.target.name !== 'pg-direct' || run.outcome.state !== 'completed') return run
  const queries = run.outcome.measured.queries.map((query) => ({
    ...query,
    rowsRead: 123_000,
    plan: { planMs: 0.5, nodes: ['Seq Scan'] },
  }))
  return { ...run, outcome: { ...run.outcome, measured: { ...run.outcome.measured, queries } } }
}

/** Points of time with values, in order. */
const series = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 5_000 }),
      v: fc.double({ min: 0, max: 1e9, noNaN: true }),
    }),
    { minLength: 2, maxLength: 80 },
  )
  .map((steps) => {
    let t = 0
    return steps.map(({ gap, v }) => ({ t: (t += gap), v }))
  })

/** Polls 150 ms apart at most, and this many until all partitions were looked at. */
function withRoundPolls(polls: number): (run: RunRecord) => RunRecord {
  return (run) => {
    if (run.outcome.state !== 'completed') return run
    const measured = {
      ...run.outcome.measured,
      freshnessResolutionMs: { 'postgres.events': 150 },
      ...(polls === 1 ? {} : { freshnessRoundPolls: { 'postgres.events': polls } }),
    }
    return { ...run, outcome: { ...run.outcome, measured } }
  }
}

describe('the charts of a report', () => {
  it('know freshness to within a gap between polls, or a round of them', () => {
    const subtitle = (polls: number) =>
      chart('freshness', chartsFor({ tweak: withRoundPolls(polls) })).subtitle
    expect(subtitle(1)).toContain('Known to within the largest gap between two polls, 150 ms.')
    expect(subtitle(46)).toContain('Known to within 6.9 s, 46 times the largest gap between two')
  })

  it('are those of the page, in its order', () => {
    expect(chartsFor().map(({ name }) => name)).toEqual([
      'latency-percentiles',
      'rate',
      'latency-windows',
      'wal',
      'backlog',
      'freshness',
      'query-seconds',
      'cpu',
      'table-health',
      'send-delay',
    ])
  })

  it('say what was found in their titles', () => {
    const charts = chartsFor()
    expect(chart('rate', charts).title).toBe(
      'clickhouse-direct keeps every limit up to 12,000 events/s, pg-batch 8,000, pg-direct 4,000, dual-write 2,000',
    )
    expect(chart('latency-windows', charts).title).toBe(
      'p99 leaves its limit: pg-direct at 8,000/s, pg-batch at 12,000/s, dual-write at 4,000/s',
    )
    expect(chart('latency-percentiles', charts).title).toMatch(
      /^pg-direct answers 99 % of events within/,
    )
  })

  it('show every answer to a query with the rows it read, below the limit of its trigger', () => {
    const { panels, title, subtitle } = chart('query-seconds')
    expect(panels.map((panel) => panel.title?.split(',')[0])).toEqual(['Q1', 'Q2', 'Q4'])
    expect(panels.at(-1)?.title).toBe('Q4, 1 row read')
    expect(panels.map(({ levels }) => levels.map(({ label }) => label))).toEqual([
      ['E3 5 s'],
      ['E3 5 s'],
      [],
    ])
    for (const { lines, levels, y } of panels) {
      expect(lines.map(({ label }) => label)).toEqual(
        ['pg-direct', 'pg-batch', 'dual-write', 'clickhouse-direct'].filter((name) =>
          lines.some(({ label }) => label === name),
        ),
      )
      expect(lines.length).toBeGreaterThan(0)
      for (const { at } of levels) expect(at).toBeLessThan(y.max)
      for (const line of lines) {
        expect(line.style).toBe('points')
        expect(line.beside?.values).toHaveLength(line.points.length)
        expect(line.beside?.values.every((rows) => rows !== null && rows > 0)).toBe(true)
      }
    }
    expect(title).toMatch(
      /^The slowest query took \d+ ms \(median of Q2 in .+\); the limit is 5 s$/,
    )
    expect(subtitle).not.toContain('Never answered')
    expect(subtitle).not.toContain('not told')
  })

  it('never hide a question that was not answered behind those that were', () => {
    const findings = findingsFixture({ rounds: 1, tweak: withUnansweredQueries })
    const { title, subtitle } = chart(
      'query-seconds',
      chartsOf(viewStudy(findings, seriesFixture(findings))),
    )
    expect(title).toMatch(/^More than half of the answers to Q1 never came in pg-direct/)
    expect(subtitle).toContain('Never answered: Q1 in pg-direct 3×')
  })

  it('draw the state of each breaker over time, and say whether one opened', () => {
    const findings = findingsFixture()
    const drawn = (open: number): ChartSpec => {
      const states = [0, open, 0].map((v, at) => ({ t: 4_000 + at * 1_000, v }))
      const key = 'replica.breakerOpenRatio{replica-1 critical}'
      const series = new Map(
        [...seriesFixture(findings)].map(([run, of]) => [run, new Map([...of, [key, states]])]),
      )
      return chart('replication', chartsOf(viewStudy(findings, series)))
    }
    const { title, panels } = drawn(1)
    expect(title).toContain('reakers between reads and replicas opened')
    const points = panels.flatMap(({ lines }) => lines).map((line) => line.points)
    expect(points[0]).toEqual([
      [4, 0],
      [5, 1],
      [6, 0],
    ])
    expect(drawn(0).title).toContain('stayed closed')
  })

  it('say which target does not tell what it read, where another does', () => {
    const findings = findingsFixture({ rounds: 1 })
    const silent = new Set(
      findings.runs.filter((run) => run.target.name === 'pg-direct').map(({ id }) => id),
    )
    const series = new Map(
      [...seriesFixture(findings)].map(([id, keys]) => [
        id,
        new Map([...keys].filter(([key]) => !silent.has(id) || !key.startsWith('query.rowsRead'))),
      ]),
    )
    const { subtitle } = chart('query-seconds', chartsOf(viewStudy(findings, series)))
    expect(subtitle).toMatch(/ Rows read are not told by pg-direct\.$/)
  })

  it('take rows read from the query explained after the run, and say so', () => {
    const findings = findingsFixture({ rounds: 1, tweak: withExplainedQueries })
    const silent = new Map(
      [...seriesFixture(findings)].map(([id, keys]) => [
        id,
        new Map([...keys].filter(([key]) => !key.startsWith('query.rowsRead'))),
      ]),
    )
    const { subtitle, panels } = chart('query-seconds', chartsOf(viewStudy(findings, silent)))
    expect(subtitle).toMatch(
      / Rows read by pg-direct are those of one execution under EXPLAIN after the run\. Rows read are not told by (?!.*pg-direct)/,
    )
    expect(panels[0]?.title).toBe('Q1, 123,000 rows read')
  })

  it('leave the queries out where none was asked', () => {
    const findings = findingsFixture({ rounds: 1 })
    const silent = new Map(
      [...seriesFixture(findings)].map(([id, keys]) => [
        id,
        new Map([...keys].filter(([key]) => !key.startsWith('query.'))),
      ]),
    )
    const names = chartsOf(viewStudy(findings, silent)).map(({ name }) => name)
    expect(names).not.toContain('query-seconds')
  })

  it('never call a late driver punctual because no step was complete', () => {
    const findings = findingsFixture({
      rounds: 1,
      ratesPerS: [400],
      tweak: (run) => withLateDriver(run),
    })
    const charts = chartsOf(viewStudy(findings, seriesFixture(findings)))
    expect(chart('send-delay', charts).title).toMatch(/^The driver was late: .* 900 ms /)
  })

  it('end with the schedule: what is sampled while a run drains is at no rate', () => {
    const findings = findingsFixture({ rounds: 1 })
    const series = new Map(
      [...seriesFixture(findings)].map(([id, keys]) => [
        id,
        new Map([...keys].map(([key, points]) => [key, [...points, { t: 1e9, v: 1e12 }]])),
      ]),
    )
    expect(chartsOf(viewStudy(findings, series))).toEqual(
      chartsOf(viewStudy(findings, seriesFixture(findings))),
    )
  })

  it('say it once where all targets did the same', () => {
    const [title] = chartsFor({ ratesPerS: [400, 800] })
      .filter(({ name }) => name === 'rate')
      .map((one) => one.title)
    expect(title).toBe('Every target keeps every limit up to 800 events/s')
  })

  it('give each target the same colour everywhere', () => {
    const inks = new Map<string, Set<string>>()
    for (const { panels } of chartsFor()) {
      for (const panel of panels) {
        const named = [
          ...(panel.title === null || panel.ink === null
            ? []
            : [[panel.title, panel.ink] as const]),
          ...panel.lines
            .filter((line) => line.labelled)
            .map((line) => [line.label, line.ink] as const),
        ]
        for (const [label, ink] of named) {
          const target = label.split(' · ')[0] ?? label
          inks.set(target, (inks.get(target) ?? new Set()).add(ink.light))
        }
      }
    }
    expect([...inks].map(([target, seen]) => [target, seen.size])).toEqual([
      ['pg-direct', 1],
      ['pg-batch', 1],
      ['dual-write', 1],
      ['clickhouse-direct', 1],
    ])
  })

  it('draw the SLO and the trigger at the same level as one line that names both', () => {
    const levels = chart('latency-percentiles').panels[0]?.levels
    expect(levels).toEqual([{ at: 50_000, label: 'SLO · E1 50 ms', kind: 'limit' }])
  })

  it('keep every value, level and mark within the axes', () => {
    for (const { name, panels } of chartsFor()) {
      for (const { x, y, lines, levels, stacked } of panels) {
        for (const level of levels) expect([name, level.at <= y.max]).toEqual([name, true])
        for (const line of lines) {
          for (const [at, value] of line.points) {
            expect(at).toBeGreaterThanOrEqual(x.min)
            expect(at).toBeLessThanOrEqual(x.max)
            if (value !== null && !stacked) expect(value).toBeLessThanOrEqual(y.max)
          }
        }
      }
    }
  })

  it('share one scale over the panels of a chart, so that heights compare', () => {
    for (const name of ['rate', 'latency-windows', 'wal', 'cpu']) {
      const { panels } = chart(name)
      expect(new Set(panels.map(({ y }) => `${String(y.min)} ${String(y.max)}`)).size).toBe(1)
    }
  })

  it('stack full-page images on the other WAL, and both on a common grid', () => {
    const [panel] = chart('wal').panels
    expect(panel?.lines.map((line) => line.label)).toEqual(['WAL of rows', 'full-page images'])
    const [rows, images] = panel?.lines ?? []
    expect(rows?.points.map(([at]) => at)).toEqual(images?.points.map(([at]) => at))
  })

  it('mark checkpoints and steps where they were', () => {
    const marks = chart('latency-windows').panels[0]?.marks ?? []
    expect(marks.filter(({ kind }) => kind === 'checkpoint').map(({ at }) => at)).toEqual([3, 14.5])
    expect(marks.filter(({ kind }) => kind === 'step').map(({ label }) => label)).toEqual([
      '500/s',
      '1,000/s',
      '2,000/s',
      '4,000/s',
      '8,000/s',
    ])
  })

  it('leave out what no run has sampled', () => {
    const findings = findingsFixture()
    expect(chartsOf(viewStudy(findings, new Map())).map(({ name }) => name)).toEqual([
      'latency-percentiles',
    ])
    expect(chartsFor({ targets: ['clickhouse-direct'] }).map(({ name }) => name)).not.toContain(
      'wal',
    )
  })
})

describe('the percentile curve', () => {
  it('reads back what the histograms recorded, merged over rounds', () => {
    const rounds = [1, 2].map((round) => {
      const histogram = new Histogram()
      for (let us = 1; us <= 5_000; us++) histogram.record(us * 2 + round - 2)
      return histogram.encode()
    })
    const curve = percentileCurve(rounds)
    const at = (x: number): number => curve.find(([one]) => one === x)?.[1] ?? NaN
    expect(at(1) / 9_000).toBeCloseTo(1, 1)
    expect(at(2) / 9_900).toBeCloseTo(1, 1)
  })

  it('ends where the samples end: ten events beyond a percentile, or it is not shown', () => {
    const histogram = new Histogram()
    for (let i = 0; i < 1_000; i++) histogram.record(1_000 + i)
    expect(percentileCurve([histogram.encode()]).at(-1)?.[0]).toBe(2)
    expect(percentileCurve([])).toEqual([])
  })

  it('is interrupted above the share of events that were ever answered', () => {
    const histogram = new Histogram()
    for (let i = 0; i < 950; i++) histogram.record(1_000)
    histogram.recordInfinite(50)
    const curve = percentileCurve([histogram.encode()])
    for (const [x, y] of curve) expect([x, y === null]).toEqual([x, 1 - 10 ** -x > 0.95 + 1e-9])
  })

  it('never falls', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 20 }),
        (values) => {
          const histogram = new Histogram()
          for (const us of values) histogram.record(us)
          const ys = percentileCurve([histogram.encode()]).map(([, y]) => y ?? Infinity)
          expect(ys).toEqual(ys.toSorted((a, b) => a - b))
        },
      ),
      { numRuns: 30 },
    )
  })
})

describe('series on a grid', () => {
  it('keeps the sum of a running total, however it was thinned', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 1, max: 60 }), (points, stretches) => {
        let total = 0
        const totals = points.map(({ t, v }) => ({ t, v: (total += v) }))
        const grid = timeGrid(totals, { stretches, leastMs: 1 })
        const rates = ratesOnGrid(totals, grid)
        const grown = rates.reduce(
          (sum, { v }, i) => sum + (v * ((grid[i + 1] ?? 0) - (grid[i] ?? 0))) / 1e3,
          0,
        )
        const expected = (totals.at(-1)?.v ?? 0) - (totals[0]?.v ?? 0)
        expect(Math.abs(grown - expected)).toBeLessThanOrEqual(expected * 1e-9 + 1e-6)
      }),
    )
  })

  it('keeps the mean of a gauge between its lowest and its highest value', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 1, max: 60 }), (points, stretches) => {
        const means = meansOnGrid(points, timeGrid(points, { stretches, leastMs: 1 }))
        const values = points.map(({ v }) => v)
        for (const { v } of means) {
          expect(v).toBeGreaterThanOrEqual(Math.min(...values) * (1 - 1e-9))
          expect(v).toBeLessThanOrEqual(Math.max(...values) * (1 + 1e-9))
        }
      }),
    )
  })

  it('counts a total that fell, after a restart, as standing still', () => {
    const points = [0, 10, 20, 0, 10].map((v, i) => ({ t: i * 1_000, v }))
    const rates = ratesOnGrid(points, timeGrid(points, { stretches: 4, leastMs: 1 }))
    expect(rates.map(({ v }) => v)).toEqual([10, 10, 0, 10])
  })

  it('gives all lines of a page together a bounded number of points', () => {
    for (const lines of [1, 10, 60, 300, 700]) {
      expect(lines * pointsPerLine(lines)).toBeLessThanOrEqual(60_000)
    }
  })
})
