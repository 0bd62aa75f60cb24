import { describe, expect, it } from 'vitest'
import { pointsTable } from '../../bench/soak/points-table.ts'

const report = `**pg-batch differs.**

| point | WAL per event | \`a \\| b\` |
| :-- | --: | --: |
| pg-batch, x=1 | 1 kB, base | 3 |
| pg-batch, x=2 | 2 kB, more (2×) | 4 \\| 5 |

| target | sustained |
| :-- | --: |
| pg-batch | 5 |
`

describe('the points of a sweep', () => {
  it('are kept with every figure, and nothing else of the report is', () => {
    expect(pointsTable('headroom sweep x', report)).toEqual({
      title: 'headroom sweep x',
      columns: ['point', 'WAL per event', '`a | b`'],
      rows: [
        ['pg-batch, x=1', '1 kB, base', '3'],
        ['pg-batch, x=2', '2 kB, more (2×)', '4 | 5'],
      ],
    })
  })

  it('are none where a report compares targets alone, or ended at once', () => {
    expect(pointsTable('run', report.slice(report.indexOf('| target')))).toBeNull()
    expect(pointsTable('run', '')).toBeNull()
  })
})
