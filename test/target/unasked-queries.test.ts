import { describe, expect, it } from 'vitest'
import { Scenario } from '../../src/scenario/scenario.ts'
import { loadTargets } from '../../src/target/load.ts'
import { Target } from '../../src/target/target.ts'
import { unaskedQueries } from '../../src/target/unasked-queries.ts'

const asking = (...names: readonly string[]): Scenario =>
  Scenario.parse({
    name: 'x',
    seed: 1,
    rate: { kind: 'constant', ratePerS: 1 },
    phases: { measureS: 5 },
    queries: names.map((name) => ({ name, everyS: 1 })),
  })

const own = Target.parse({
  kind: 'service',
  name: 'mine',
  url: 'http://127.0.0.1:1',
  audit: { by: 'none' },
  queries: ['Q1'],
})

describe('a query that a target does not answer', () => {
  it('is told with what it answers', () => {
    expect(unaskedQueries([own, ...loadTargets('pg-direct')], asking('Q1', 'Q4', 'Q11'))).toEqual([
      'mine: Q4, Q11 are not asked; list them under queries if the service answers them',
      'pg-direct: Q11 is not asked; it answers Q1, Q2, Q3, Q4',
    ])
  })

  it('is a mistake where no architecture answers it', () => {
    expect(() => unaskedQueries(loadTargets('pg-direct,pg-batch'), asking('Q1', 'Q11'))).toThrow(
      /asks Q11, which no target answers/,
    )
  })

  it('is none where all are answered', () => {
    expect(unaskedQueries(loadTargets('pg-direct'), asking('Q1', 'Q4'))).toEqual([])
  })
})
