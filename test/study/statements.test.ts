import { describe, expect, it } from 'vitest'
import type { StatementCount } from '../../src/engines/statement-count.ts'
import { topStatements } from '../../src/study/statements.ts'

const count = (id: string, calls: number, totalMs: number): StatementCount => ({
  id,
  text: `statement ${id}`,
  calls,
  totalMs,
  rows: calls,
  blocks: 3 * calls,
  walBytes: 100 * calls,
})

describe('the statements of a run', () => {
  it('are what grew since before it, the most expensive first, with their share of the time', () => {
    const before = new Map([['postgres', [count('a', 10, 900), count('b', 5, 5)]]])
    const after = new Map([
      ['postgres', [count('a', 10, 900), count('b', 105, 80), count('c', 1, 25)]],
    ])
    expect(topStatements(before, after)).toEqual([
      {
        engine: 'postgres',
        text: 'statement b',
        calls: 100,
        totalMs: 75,
        rows: 100,
        blocks: 300,
        walBytes: 10_000,
        timeRatio: 0.75,
      },
      expect.objectContaining({ text: 'statement c', timeRatio: 0.25 }),
    ])
  })

  it('count from zero again where the server began again', () => {
    const before = new Map([['postgres', [count('a', 1_000, 900)]]])
    const after = new Map([['postgres', [count('a', 10, 9)]]])
    expect(topStatements(before, after)[0]).toMatchObject({ calls: 10, totalMs: 9, timeRatio: 1 })
  })

  it('are a dozen of each engine at most', () => {
    const many = Array.from({ length: 40 }, (_, at) => count(String(at), 1, at))
    expect(topStatements(new Map(), new Map([['postgres', many]])).length).toBe(12)
  })
})
