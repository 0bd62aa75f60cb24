import { describe, expect, it } from 'vitest'
import {
  boundsOf,
  INTERVALS,
  partitionName,
  rangeAt,
  rangeBeside,
  rangesAround,
  type Interval,
} from '../../../../reference-impl/service-kit/postgres/partition/ranges.ts'

const daysOf = (interval: Interval, moment: string): readonly string[] => {
  const { from, to } = rangeAt(interval, new Date(moment))
  return [from, to].map((at) => at.toISOString().replace('T00:00:00.000Z', ''))
}

describe('the range of a moment', () => {
  it.each([
    // ISO 8601: a week begins on Monday, also where the year turns within it.
    ['week', '2026-02-25T12:00:00Z', '2026-02-23', '2026-03-02'],
    ['week', '2026-02-23T00:00:00.000Z', '2026-02-23', '2026-03-02'],
    ['week', '2026-03-01T23:59:59.999Z', '2026-02-23', '2026-03-02'],
    ['week', '2026-03-02T00:00:00.000Z', '2026-03-02', '2026-03-09'],
    ['week', '2027-01-01T00:00:00Z', '2026-12-28', '2027-01-04'],
    ['week', '2028-02-29T12:00:00Z', '2028-02-28', '2028-03-06'],
    ['month', '2026-02-28T23:59:59.999Z', '2026-02-01', '2026-03-01'],
    ['month', '2028-02-29T12:00:00Z', '2028-02-01', '2028-03-01'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12-01', '2027-01-01'],
    ['month', '2027-01-01T00:00:00.000Z', '2027-01-01', '2027-02-01'],
    ['month', '2026-04-30T00:00:00Z', '2026-04-01', '2026-05-01'],
    ['day', '2028-02-28T23:59:59.999Z', '2028-02-28', '2028-02-29'],
    ['day', '2028-02-29T00:00:00Z', '2028-02-29', '2028-03-01'],
    ['day', '2026-12-31T12:00:00Z', '2026-12-31', '2027-01-01'],
  ] as const)('of a %s, %s, is from %s to %s', (interval, moment, from, to) => {
    expect(daysOf(interval, moment)).toEqual([from, to])
  })

  it('of an hour ends with the hour, over the end of a leap day', () => {
    expect(boundsOf(rangeAt('hour', new Date('2028-02-29T23:59:59.999Z')))).toBe(
      `FROM ('2028-02-29T23:00:00.000Z') TO ('2028-03-01T00:00:00.000Z')`,
    )
  })

  it('is in UTC, also where clocks are changed', () => {
    const before = process.env['TZ']
    process.env['TZ'] = 'America/Sao_Paulo'
    try {
      expect(daysOf('month', '2026-03-01T01:00:00Z')).toEqual(['2026-03-01', '2026-04-01'])
      expect(daysOf('week', '2026-03-02T01:00:00Z')).toEqual(['2026-03-02', '2026-03-09'])
    } finally {
      if (before === undefined) delete process.env['TZ']
      else process.env['TZ'] = before
    }
  })
})

describe('ranges beside each other', () => {
  const NOW = new Date('2028-03-31T13:37:00Z')

  it.each(INTERVALS)(
    'of a %s leave no gap and do not overlap, over years and leap days',
    (interval) => {
      const ranges = rangesAround(interval, NOW, { behind: 600, ahead: 600 })
      expect(ranges).toHaveLength(1_201)
      for (const [index, range] of ranges.entries()) {
        expect(range.to.getTime()).toBeGreaterThan(range.from.getTime())
        expect(range.to).toEqual(ranges[index + 1]?.from ?? range.to)
        expect(rangeAt(interval, range.from)).toEqual(range)
        expect(rangeAt(interval, new Date(range.to.getTime() - 1))).toEqual(range)
        expect(rangeBeside(interval, range, 600 - index)).toEqual(ranges[600])
      }
      expect(ranges[600]).toEqual(rangeAt(interval, NOW))
    },
  )

  it('of months are not moved by the day of the moment: the 31st has no February to skip', () => {
    const names = rangesAround('month', NOW, { behind: 2, ahead: 1 }).map((range) =>
      partitionName('month', range),
    )
    expect(names).toEqual(['events_2028_01', 'events_2028_02', 'events_2028_03', 'events_2028_04'])
  })
})

describe('names', () => {
  const range = (interval: Interval) => rangeAt(interval, new Date('2027-01-01T14:30:00Z'))

  it('are those of the documents, or of pg_partman', () => {
    expect(INTERVALS.map((interval) => partitionName(interval, range(interval)))).toEqual([
      'events_2027_01_01_14',
      'events_2027_01_01',
      'events_2026_12_28',
      'events_2027_01',
    ])
    expect(
      INTERVALS.map((interval) => partitionName(interval, range(interval), 'pg_partman')),
    ).toEqual([
      'events_p20270101_140000',
      'events_p20270101',
      'events_p20261228',
      'events_p20270101',
    ])
  })

  it.each(INTERVALS)('of a %s sort as their ranges do: retention compares names', (interval) => {
    const around = { behind: 300, ahead: 300 }
    const names = rangesAround(interval, new Date('2026-12-31T00:00:00Z'), around).map((one) =>
      partitionName(interval, one),
    )
    expect(names.toSorted()).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
  })
})
