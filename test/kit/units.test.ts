import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatBytes,
  formatBytesPerS,
  formatCount,
  formatDurationMs,
  formatDurationS,
  formatDurationUs,
  formatHeadroom,
  formatInterval,
  formatMany,
  formatMonth,
  formatMonthRange,
  formatNumber,
  formatQuantity,
  formatRate,
  formatRatio,
  formatTimes,
} from '../../src/kit/units.ts'

describe('units', () => {
  it('writes three significant digits and the unit', () => {
    expect(formatRate(3200)).toBe('3,200 events/s')
    expect(formatRate(12_345.6)).toBe('12,300 events/s')
    expect(formatNumber(0.012345)).toBe('0.0123')
    expect(formatRatio(0.6149)).toBe('61.5 %')
    expect(formatTimes(1.6149)).toBe('1.61×')
  })

  it('chooses the unit of a duration after rounding, so nothing reads 1,000 µs', () => {
    expect(formatDurationUs(850)).toBe('850 µs')
    expect(formatDurationUs(999.6)).toBe('1 ms')
    expect(formatDurationUs(6_104)).toBe('6.1 ms')
    expect(formatDurationUs(1_880_000)).toBe('1.88 s')
    expect(formatDurationMs(7)).toBe('7 ms')
    expect(formatDurationS(119)).toBe('119 s')
    expect(formatDurationS(120)).toBe('2 min')
    expect(formatDurationS(7_200)).toBe('2 h')
    expect(formatDurationS(172_800)).toBe('2 days')
  })

  it('writes what never ended as endless, not as a number', () => {
    expect(formatDurationUs('infinite')).toBe('∞')
    expect(formatQuantity('infinite', 's')).toBe('∞')
    expect(formatQuantity(Infinity, 'events/s')).toBe('∞ events/s')
  })

  it('writes bytes in decimal multiples', () => {
    expect(formatBytes(487)).toBe('487 B')
    expect(formatBytes(999_600)).toBe('1 MB')
    expect(formatBytes(432e9)).toBe('432 GB')
    expect(formatBytesPerS(1.9e6)).toBe('1.9 MB/s')
  })

  it('keeps every digit of what is counted one by one', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567')
    expect(formatQuantity(1_234_567, 'rows')).toBe('1,234,567 rows')
    expect(formatQuantity(0, 'events')).toBe('0 events')
  })

  it('names millions and billions where nobody counts one by one', () => {
    expect(formatMany(13_824_000_000)).toBe('13.8 billion')
    expect(formatMany(999_999_999)).toBe('1 billion')
    expect(formatMany(523_120_000)).toBe('523 million')
    expect(formatMany(2.5e12)).toBe('2.5 trillion')
    expect(formatMany(261_560)).toBe('261,560')
  })

  it('formats a value by the unit of its metric', () => {
    expect(formatQuantity(6_104, 'µs')).toBe('6.1 ms')
    expect(formatQuantity(5, 's')).toBe('5 s')
    expect(formatQuantity(0.25, 'ratio')).toBe('25 %')
    expect(formatQuantity(1.234, 'cores')).toBe('1.23 cores')
    expect(formatQuantity(1.5, '')).toBe('1.5')
  })

  it('says headroom in the words of a sentence', () => {
    expect(formatHeadroom(1.61)).toBe('61 % headroom')
    expect(formatHeadroom(1)).toBe('no headroom')
    expect(formatHeadroom(0.8)).toBe('20 % short')
    expect(formatHeadroom(8)).toBe('8× the declared rate')
  })

  it('writes an interval once where both ends read the same', () => {
    expect(formatInterval({ low: 3000, high: 3200 }, 'events/s')).toBe('3,000–3,200 events/s')
    expect(formatInterval({ low: 3200, high: 3200.4 }, 'events/s')).toBe('3,200 events/s')
    expect(formatInterval({ low: 900, high: 1_500 }, 'µs')).toBe('900 µs – 1.5 ms')
  })

  it('names months, and the year once where both share it', () => {
    expect(formatMonth('2027-03')).toBe('March 2027')
    expect(formatMonth('soon')).toBe('soon')
    expect(formatMonthRange('2027-03', '2027-06')).toBe('between March and June 2027')
    expect(formatMonthRange('2026-11', '2027-06')).toBe('between November 2026 and June 2027')
    expect(formatMonthRange('2027-03', '2027-03')).toBe('in March 2027')
  })

  it('never moves a duration by more than half of its third digit', () => {
    const factor: Record<string, number> = {
      µs: 1,
      ms: 1e3,
      s: 1e6,
      min: 60e6,
      h: 3_600e6,
      days: 86_400e6,
    }
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e13, noNaN: true }), (us) => {
        const [text, unit] = formatDurationUs(us).split(' ')
        const back = Number((text ?? '').replaceAll(',', '')) * (factor[unit ?? ''] ?? NaN)
        expect(Math.abs(back - us) / us).toBeLessThanOrEqual(0.0051)
      }),
    )
  })
})
