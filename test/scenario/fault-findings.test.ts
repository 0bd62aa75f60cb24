import { describe, expect, it } from 'vitest'
import { faultFindings } from '../../src/scenario/fault-findings.ts'
import { Scenario } from '../../src/scenario/scenario.ts'

const scenario = (faults: readonly unknown[], more: object = {}) =>
  Scenario.parse({
    name: 'x',
    seed: 1,
    rate: { kind: 'constant', ratePerS: 100 },
    phases: { warmupS: 1, measureS: 20 },
    faults,
    ...more,
  })
const kill = (atS: unknown, lengthS: number, part = 'service') => ({
  kind: 'kill',
  part,
  atS,
  lengthS,
})
const restore = (more: object) => ({
  kind: 'restore',
  role: 'database',
  atS: 5,
  lengthS: 1,
  ...more,
})
const pathsOf = (faults: readonly unknown[], more?: object) =>
  faultFindings(scenario(faults, more)).map(({ path }) => path.join('.'))

describe('faults of a scenario', () => {
  it('are right when each leaves calm before and time after', () => {
    expect(pathsOf([kill(5, 3), kill([9, 11], 2), kill(5, 3, 'postgres')])).toEqual([])
  })

  it.each([
    ['begin before anything was calm', [kill(1, 3)], ['faults.0.atS']],
    ['last to the end', [kill(18, 3)], ['faults.0.lengthS']],
    ['may last to the end', [kill([3, 18], 3)], ['faults.0.lengthS']],
    ['are drawn between the wrong bounds', [kill([9, 5], 3)], ['faults.0.atS']],
    ['take back no accident', [restore({ to: 'point' })], ['faults.0.begin']],
    ['lose a disk by SQL', [restore({ begin: 'DELETE FROM x' })], ['faults.0.begin']],
    ['of one part overlap', [kill(5, 4), kill(8, 2)], ['faults.1.atS']],
  ])('are refused where they %s', (_case, faults, paths) => {
    expect(pathsOf(faults)).toEqual(paths)
  })

  it('do not go with a run that ends at the first broken SLO', () => {
    const slos = [{ metric: 'latency.p99Us', max: 1_000 }]
    expect(pathsOf([kill(5, 3)], { stop: 'at-first-broken-slo', slos })).toEqual(['stop'])
  })
})
