import { describe, expect, it } from 'vitest'
import {
  checkpointDistanceBytes,
  checkpointIntervalS,
  dailyBytes,
  monthlyBytes,
  rateOfRowsPerMonth,
  rowsHeld,
  rowsPerMonth,
} from '../../src/plan/formulas.ts'

const GIB = 2 ** 30

describe('the formulas of the documents, on their own examples', () => {
  it('writes 432 GB a day and 13 TB a month at 10,000 events/s of 500 bytes', () => {
    expect(dailyBytes(10_000, 500)).toBe(432e9)
    expect(monthlyBytes(10_000, 500)).toBe(12.96e12)
  })

  it('finds the two levels of one table 41 times apart: 500 million rows a month are 193/s', () => {
    expect(rateOfRowsPerMonth(500e6)).toBeCloseTo(192.9, 1)
    expect(rowsPerMonth(8_000)).toBeCloseTo(20.7e9, -8)
    expect(8_000 / rateOfRowsPerMonth(500e6)).toBeCloseTo(41.5, 1)
  })

  it('holds rate × retention rows', () => {
    expect(rowsHeld(400, 400)).toBe(13_824_000_000)
  })

  it('asks for a checkpoint after max_wal_size ÷ (1 + completion target)', () => {
    const bxb = { maxWalBytes: 8 * GIB, completionTarget: 0.9, timeoutS: 1_800 }
    const outbox = { maxWalBytes: 4 * GIB, completionTarget: 0.9, timeoutS: 300 }
    expect(checkpointDistanceBytes(bxb) / GIB).toBeCloseTo(4.21, 2)
    expect(checkpointDistanceBytes(outbox) / GIB).toBeCloseTo(2.11, 2)
  })

  it('makes the documented 30 minutes some eleven at 10,000 rows/s of 667.6 WAL bytes', () => {
    const bxb = { maxWalBytes: 8 * GIB, completionTarget: 0.9, timeoutS: 1_800 }
    expect(checkpointIntervalS(bxb, 6_676_000)).toBeCloseTo(677, 0)
    expect(checkpointIntervalS(bxb, 1_000)).toBe(1_800)
    expect(checkpointIntervalS(bxb, 0)).toBe(1_800)
  })
})
