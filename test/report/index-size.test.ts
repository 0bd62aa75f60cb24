import { describe, expect, it } from 'vitest'
import type { Panel } from '../../src/report/charts/spec.ts'
import { renderReport } from '../../src/report/report.ts'
import { AGED_ROWS, agedSweepFixture } from '../fixtures/aged-sweep.ts'
import { sweepFindingsFixture } from '../fixtures/sweep.ts'

const MIB = 2 ** 20

function panelsOf(findings: ReturnType<typeof agedSweepFixture>): readonly Panel[] {
  const { charts } = renderReport(findings, new Map(), { pageHref: 'x' })
  const chart = charts.find(({ name }) => name === 'sweep-initialrows')
  if (chart === undefined) throw new Error('it is drawn')
  return chart.panels
}

describe('index size against shared_buffers', () => {
  it('is a curve per series over the rows of the table, with the cache across them', () => {
    const panel = panelsOf(agedSweepFixture()).at(-1)
    expect(panel?.title).toBe('index size at the end of the run')
    const curves = panel?.lines.filter(({ labelled }) => labelled)
    expect(curves?.map(({ label }) => label)).toEqual(['full', 'lean'])
    expect(curves?.[0]?.points).toEqual(AGED_ROWS.map((rows) => [rows, rows * 260]))
    expect(panel?.levels).toEqual([
      { at: 256 * MIB, label: 'shared_buffers 268 MB', kind: 'reference' },
    ])
  })

  it('has curves and cache in one view, however far apart they are', () => {
    for (const cacheBytes of [8 * MIB, 128 * 1024 * MIB]) {
      const { y } = panelsOf(agedSweepFixture(cacheBytes)).at(-1) ?? {}
      expect(y?.scale).toBe('log')
      expect(y?.min).toBeLessThanOrEqual(Math.min(cacheBytes, 100_000 * 130))
      expect(y?.max).toBeGreaterThanOrEqual(Math.max(cacheBytes, 20_000_000 * 260))
    }
  })

  it('is marked in every panel where the first curve crosses the cache, on that curve', () => {
    const panels = panelsOf(agedSweepFixture())
    for (const { marks } of panels) {
      expect(marks).toEqual([
        {
          at: Math.round((256 * MIB) / 260),
          label: 'indexes outgrow shared_buffers (268 MB)',
          kind: 'step',
        },
      ])
    }
  })

  it('has no mark where all sizes lie on one side of the cache', () => {
    const panels = panelsOf(agedSweepFixture(8 * MIB))
    expect(panels.flatMap(({ marks }) => marks)).toEqual([])
  })

  it('is drawn over the rows of a table only', () => {
    const { charts } = renderReport(sweepFindingsFixture(), new Map(), { pageHref: 'x' })
    const titles = charts.flatMap(({ panels }) => panels.map(({ title }) => title))
    expect(titles).toContain('index bytes per event')
    expect(titles).not.toContain('index size at the end of the run')
  })

  it('is what the records say of all indexes, and of the server', () => {
    const { sweep, runs } = sweepFindingsFixture()
    const own = runs.flatMap(({ target, outcome }) =>
      target.name === 'pg-direct' && outcome.state === 'completed'
        ? [outcome.measured.stores.reduce((sum, { indexBytes }) => sum + indexBytes, 0)]
        : [],
    )
    const [row] = sweep?.rows ?? []
    expect(row?.indexBytes).toMatchObject({ low: Math.min(...own), high: Math.max(...own) })
    expect(row?.cacheBytes).toBe(512 * MIB)
  })
})
