import { describe, expect, it } from 'vitest'
import {
  readByBoth,
  readIn,
  toldOf,
  type Explained,
} from '../../../../reference-impl/service-kit/postgres/ask.ts'
import { QUERY_ROWS_MAX } from '../../../../reference-impl/service-kit/reads.ts'

type Node = Explained['Plan']
const node = (type: string, more: Partial<Node> = {}): Node => ({
  'Node Type': type,
  'Actual Rows': 0,
  'Actual Loops': 1,
  ...more,
})
const explained = (plan: Node): Explained => ({ Plan: plan, 'Planning Time': 0.25 })

describe('what an explained statement read', () => {
  it('is what scans looked at, given on or not, in every loop', () => {
    const scan = (type: string, more: Partial<Node>) =>
      node(type, { 'Actual Rows': 10, 'Rows Removed by Filter': 5, 'Actual Loops': 3, ...more })
    const read = readIn(
      explained(
        node('Aggregate', {
          'Actual Rows': 1,
          'Shared Hit Blocks': 7,
          'Shared Read Blocks': 3,
          Plans: [
            node('Append', {
              'Actual Rows': 30,
              Plans: [
                scan('Seq Scan', { 'Shared Read Blocks': 3 }),
                scan('Bitmap Heap Scan', {
                  'Rows Removed by Index Recheck': 2,
                  Plans: [node('Bitmap Index Scan', { 'Actual Rows': 17 })],
                }),
              ],
            }),
          ],
        }),
      ),
    )
    expect(read).toEqual({
      rowsRead: (10 + 5) * 3 + (10 + 5 + 2) * 3,
      // A node's blocks have those below it among them.
      bytesRead: 10 * 8_192,
      plan: {
        planMs: 0.25,
        nodes: ['Aggregate', 'Append', 'Seq Scan', 'Bitmap Heap Scan', 'Bitmap Index Scan'],
      },
    })
  })

  it('counts no row twice that a node passes on, and none of a partition never looked into', () => {
    const never = node('Index Scan', { 'Actual Loops': 0 })
    const hash = node('Hash Join', {
      'Actual Rows': 40,
      Plans: [node('Index Only Scan', { 'Actual Rows': 40 }), node('Hash', { Plans: [never] })],
    })
    expect(readIn(explained(hash)).rowsRead).toBe(40)
  })

  it('is a whole number where means over loops are not', () => {
    const parallel = node('Seq Scan', { 'Actual Rows': 3.33, 'Actual Loops': 3 })
    expect(readIn(explained(parallel)).rowsRead).toBe(10)
  })
})

describe('an answer that takes two statements', () => {
  const told = (rowsRead: number, nodes: readonly string[]) => ({
    ...toldOf([]),
    rowsRead,
    bytesRead: 8_192,
    plan: { planMs: 0.5, nodes },
  })

  it('read what both of them read', () => {
    const both = readByBoth(told(1, ['Index Scan']), told(2, ['Append', 'Index Scan']))
    expect(both).toMatchObject({ rowsRead: 3, bytesRead: 16_384 })
    expect(both.plan).toEqual({ planMs: 1, nodes: ['Index Scan', 'Append'] })
  })
})

describe('what a statement is told to have answered', () => {
  it('stops at the rows an answer may have, and says so', () => {
    const rows = Array.from({ length: QUERY_ROWS_MAX + 1 }, (_, n) => ({ n }))
    expect(toldOf(rows)).toMatchObject({ truncated: true, rowsRead: null, bytesRead: null })
    expect(toldOf(rows).rows).toHaveLength(QUERY_ROWS_MAX)
    expect(toldOf(rows.slice(1)).truncated).toBe(false)
  })
})
