import { describe, expect, it } from 'vitest'
import { sweepAsked } from '../../../src/cli/sweep-asked.ts'
import { parseMetricKey } from '../../../src/collect/metrics.ts'
import { DATA_KINDS, dataFiles, nameOf } from '../../../src/kit/data-file.ts'
import { measureSecondsOf } from '../../../src/study/estimate.ts'
import { loadSweep } from '../../../src/study/sweep/sweep-file.ts'
import { loadTargets } from '../../../src/target/load.ts'

const names = dataFiles(DATA_KINDS.sweep).map(nameOf)
const scenarios = dataFiles(DATA_KINDS.scenario).map(nameOf)

describe('every sweep that ships', () => {
  it.each(names)('%s: fits the architectures there are', (name) => {
    const { sweep, scenario } = sweepAsked({ what: name, vary: [], set: [] })
    expect(sweep.file).toBe(name)
    expect(sweep.points.length).toBeGreaterThan(1)
    expect(scenario.rounds).toBeGreaterThanOrEqual(3)
    for (const id of sweep.documents ?? []) expect(id).toMatch(/^[CFGH]\d+$/)
  })

  it.each(names)('%s: asks its queries often enough for a median, half again to spare', (name) => {
    const { sweep, points } = sweepAsked({ what: name, vary: [], set: [] })
    const medians = (sweep.figures ?? []).filter(
      ({ metric, of }) => metric.startsWith('query.seconds{') && of === 'p50',
    )
    for (const { metric } of medians) {
      for (const { scenario } of points) {
        const asked = scenario.queries.find((query) => query.name === parseMetricKey(metric).label)
        if (asked === undefined) throw new Error(`no point is asked ${metric}`)
        const measureS = measureSecondsOf(scenario, scenario.phases.measureS ?? 0)
        expect(measureS / asked.everyS, metric).toBeGreaterThanOrEqual(30)
      }
    }
  })

  it('is called like no scenario, except where it varies that one', () => {
    const both = names.filter((name) => scenarios.includes(name))
    expect(both).toEqual(['aging'])
  })

  it('asks every documented axis whose architecture is there', () => {
    const asked = new Set(
      names.flatMap((what) => sweepAsked({ what, vary: [], set: [] }).sweep.documents ?? []),
    )
    // C14 to C16 are ClickHouse’s and Kafka’s.
    const axes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18, 19, 20, 21, 22, 23, 24].map(
      (n) => `C${String(n)}`,
    )
    expect(axes.filter((id) => !asked.has(id))).toEqual([])
  })

  it('ages tables with the same indexes, but for the time that a partitioned unique key must hold', () => {
    const { targets, set } = loadSweep('aging')
    const variant = set['schemaVariant']
    if (typeof variant !== 'string') throw new Error('the sweep chooses a variant for all')
    const arms = loadTargets(targets.join(',')).map((target) => {
      if (target.kind !== 'engines') throw new Error(`${target.name} is no table alone`)
      const sql = target.schema[variant] ?? ''
      return sql.split('\n').filter((line) => line.startsWith('CREATE') && line.includes('INDEX'))
    })
    const [plain = [], ...others] = arms
    expect(plain).toHaveLength(3)
    expect(others).toHaveLength(2)
    for (const arm of others) {
      expect(
        arm.map((line) => line.replace('transaction_id, "timestamp")', 'transaction_id)')),
      ).toEqual(plain)
    }
  })
})
