import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  checkpointDistanceBytes,
  checkpointIntervalS,
  checkpointSegments,
  connectionsNeeded,
  dailyBytes,
  deadRowsBetweenVisits,
  diskFullInS,
  documentedWalBytes,
  monthlyBytes,
  partitionsHeld,
  partitionsPerYear,
  rateOfRowsPerMonth,
  rowsHeld,
  rowsPerMonth,
  rowsPerPartition,
  vacuumThresholdRows,
} from '../../src/plan/formulas.ts'
import type { PartitionInterval, PartitionLayout } from '../../src/plan/formulas.ts'

const GIB = 2 ** 30
const MIB = 2 ** 20
const BXB = { maxWalBytes: 8 * GIB, completionTarget: 0.9, segmentBytes: 16 * MIB }

function whole(interval: PartitionInterval): PartitionLayout {
  return { interval, parts: 1 }
}

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
    const bxb = { ...BXB, timeoutS: 1_800 }
    const outbox = { ...BXB, maxWalBytes: 4 * GIB, timeoutS: 300 }
    expect(checkpointDistanceBytes(bxb) / GIB).toBeCloseTo(4.21, 2)
    expect(checkpointDistanceBytes(outbox) / GIB).toBeCloseTo(2.11, 2)
  })

  it.each([
    [8 * 1_024, 16, 269],
    [4 * 1_024, 16, 134],
    [1_024, 16, 33],
    // Six whole segments, of which the quotient is 3.16.
    [102, 16, 3],
    [32, 16, 1],
    // Never fewer than one.
    [32, 64, 1],
    [1_024, 1, 538],
  ])('counts whole segments: %d MB in segments of %d MB are %d', (maxMib, segmentMib, segments) => {
    const settings = { ...BXB, maxWalBytes: maxMib * MIB, segmentBytes: segmentMib * MIB }
    expect(checkpointSegments({ ...settings, timeoutS: 300 })).toBe(segments)
  })

  it('makes the documented 30 minutes some eleven at 10,000 rows/s of 667.6 WAL bytes', () => {
    const bxb = { ...BXB, timeoutS: 1_800 }
    expect(checkpointIntervalS(bxb, 6_676_000)).toBeCloseTo(676, 0)
    expect(checkpointIntervalS(bxb, 1_000)).toBe(1_800)
    expect(checkpointIntervalS(bxb, 0)).toBe(1_800)
  })

  const DEFAULT = { thresholdRows: 50, scaleRatio: 0.2, maxThresholdRows: null }
  it('F1: autovacuum comes at 50 + 0.2 n, an outbox tuned for it at 100 + 0.01 n', () => {
    const outbox = { thresholdRows: 100, scaleRatio: 0.01, maxThresholdRows: null }
    expect(vacuumThresholdRows(DEFAULT, 1e6)).toBe(200_050)
    expect(vacuumThresholdRows(outbox, 1e6)).toBe(10_100)
    expect(vacuumThresholdRows(outbox, 0)).toBe(100)
  })

  it('F1: PostgreSQL 18 comes at 100 million whatever the scale factor says', () => {
    const capped = { ...DEFAULT, maxThresholdRows: 100e6 }
    expect(vacuumThresholdRows(capped, 2e9)).toBe(100e6)
    expect(vacuumThresholdRows(capped, 1e6)).toBe(200_050)
  })

  it('F2: an event that is inserted, updated twice and deleted writes 5.5 times its row', () => {
    expect(documentedWalBytes({ inserted: 1, updated: 2, deleted: 1 }, 500)).toBe(2_750)
  })

  it('F3: 10 workers of 4 with 10 listeners and 10 for the administrators need 72', () => {
    const needs = { workers: 10, concurrency: 4, listeners: 10, service: 0, admin: 10 }
    expect(connectionsNeeded(needs)).toBe(72)
    expect(connectionsNeeded({ ...needs, service: 8 })).toBe(82)
    const none = { listeners: 0, service: 0, admin: 0 }
    expect(connectionsNeeded({ workers: 10, concurrency: 1, ...none })).toBe(12)
    expect(connectionsNeeded({ workers: 1, concurrency: 1, ...none })).toBe(2)
  })

  it('F9: a year has 365, 52 or 12 partitions, and their rows follow from the rate', () => {
    expect(partitionsPerYear(whole('daily'))).toBe(365)
    expect(partitionsPerYear(whole('weekly'))).toBe(52)
    expect(partitionsPerYear(whole('monthly'))).toBe(12)
    expect(partitionsPerYear(whole('hourly'))).toBe(8_760)
    expect(rowsPerPartition(10_000, whole('daily'))).toBe(864e6)
    expect(partitionsHeld(90, whole('daily'))).toBe(91)
    expect(partitionsHeld(1, whole('hourly'))).toBe(25)
    expect(partitionsPerYear(whole('30-day'))).toBe(12)
  })

  it('F9: parts by hash are as many partitions, and share the rows', () => {
    const quarters = { interval: 'daily', parts: 4 } as const
    expect(partitionsHeld(365, quarters)).toBe(1_464)
    expect(partitionsPerYear(quarters)).toBe(1_460)
    expect(rowsPerPartition(10_000, quarters)).toBe(216e6)
  })

  it('F13: 10,000 events/s leave 1.2 million dead rows between two visits a minute apart', () => {
    expect(deadRowsBetweenVisits(10_000, 2, 60)).toBe(1.2e6)
  })

  it('F14: a stalled slot fills 100 GB in four hours at 6.7 MB/s of WAL, and never without WAL', () => {
    expect(diskFullInS(100e9, 6.676e6) / 3_600).toBeCloseTo(4.16, 2)
    expect(diskFullInS(100e9, 0)).toBe(Infinity)
  })
})

describe('laws of the formulas', () => {
  const rows = fc.double({ min: 0, max: 1e10, noNaN: true })
  const positive = fc.double({ min: 1e-3, max: 1e6, noNaN: true })

  it('F1: more live rows never bring autovacuum earlier, and a cap never later', () => {
    fc.assert(
      fc.property(rows, rows, rows, (a, b, cap) => {
        const settings = { thresholdRows: 50, scaleRatio: 0.2, maxThresholdRows: null }
        const [few, many] = [Math.min(a, b), Math.max(a, b)]
        const uncapped = vacuumThresholdRows(settings, many)
        expect(vacuumThresholdRows(settings, few)).toBeLessThanOrEqual(uncapped)
        const capped = vacuumThresholdRows({ ...settings, maxThresholdRows: cap }, many)
        expect(capped).toBeLessThanOrEqual(Math.min(cap, uncapped))
      }),
    )
  })

  it('F3: what is needed keeps a fifth in reserve, and less than one connection more', () => {
    const few = fc.integer({ min: 0, max: 500 })
    fc.assert(
      fc.property(few, few, few, few, few, (workers, concurrency, listeners, service, admin) => {
        const sum = workers * concurrency + listeners + service + admin
        const needed = connectionsNeeded({ workers, concurrency, listeners, service, admin })
        expect(needed).toBeGreaterThanOrEqual(sum * 1.2 - 1e-6)
        expect(needed).toBeLessThan(sum * 1.2 + 1)
      }),
    )
  })

  it('F12: more WAL never makes checkpoints rarer, and none is rarer than the timeout', () => {
    fc.assert(
      fc.property(positive, positive, positive, (a, b, timeoutS) => {
        const settings = { ...BXB, maxWalBytes: GIB, timeoutS }
        const slow = checkpointIntervalS(settings, Math.min(a, b) * 1e3)
        const fast = checkpointIntervalS(settings, Math.max(a, b) * 1e3)
        expect(fast).toBeLessThanOrEqual(slow)
        expect(slow).toBeLessThanOrEqual(timeoutS)
      }),
    )
  })

  it('F2, F13, F14: doubling the load doubles WAL and dead rows, and halves the time left', () => {
    fc.assert(
      fc.property(positive, positive, (rate, bytes) => {
        const once = documentedWalBytes({ inserted: rate, updated: rate, deleted: rate }, bytes)
        const twice = documentedWalBytes(
          { inserted: 2 * rate, updated: 2 * rate, deleted: 2 * rate },
          bytes,
        )
        expect(twice / once).toBeCloseTo(2, 9)
        expect(deadRowsBetweenVisits(2 * rate, 2, 60)).toBe(2 * deadRowsBetweenVisits(rate, 2, 60))
        expect(diskFullInS(bytes, 2 * rate)).toBeCloseTo(diskFullInS(bytes, rate) / 2, 6)
      }),
    )
  })

  it('F9: a shorter interval never holds more rows, nor fewer partitions', () => {
    const order = (['hourly', 'daily', 'weekly', '30-day', 'monthly'] as const).map(whole)
    fc.assert(
      fc.property(positive, fc.integer({ min: 1, max: 4_000 }), (rate, days) => {
        for (const [at, longer] of order.slice(1).entries()) {
          const shorter = order[at] ?? whole('hourly')
          expect(rowsPerPartition(rate, shorter)).toBeLessThan(rowsPerPartition(rate, longer))
          expect(partitionsHeld(days, shorter)).toBeGreaterThanOrEqual(partitionsHeld(days, longer))
        }
      }),
    )
  })
})
