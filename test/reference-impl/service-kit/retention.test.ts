import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Door } from '../../../reference-impl/service-kit/door.ts'
import type { Interval } from '../../../reference-impl/service-kit/postgres/partition/ranges.ts'
import { withinRetention } from '../../../reference-impl/service-kit/retention.ts'

const door: Door<string> = {
  columns: { source: 'source', id: 'id' },
  read: (value) =>
    typeof value === 'string' ? { ok: true, event: value } : { ok: false, reason: 'no text' },
  identityOf: (event) => event,
}
const NOW = Date.parse('2026-03-01T00:30:00Z')
const kept = (ranges: number, interval: Interval = 'day') =>
  withinRetention(door, (event) => event, { interval, ranges, nowMs: () => NOW })

describe('a door closed to what is past retention', () => {
  it.each([
    ['day', 0, '2026-03-01T00:00:00Z', '2026-02-28T23:59:59.999999Z'],
    ['day', 2, '2026-02-27T00:00:00Z', '2026-02-26T23:59:59Z'],
    ['hour', 1, '2026-02-28T23:00:00Z', '2026-02-28T22:59:59Z'],
    ['week', 0, '2026-02-23T00:00:00Z', '2026-02-22T23:59:59Z'],
    ['month', 1, '2026-02-01T00:00:00Z', '2026-01-31T23:59:59Z'],
    ['month', 1, '2026-02-01T02:00:00+02:00', '2026-02-01T01:59:59+02:00'],
  ] as const)(
    'by %s with %i past ones kept, from the first moment on',
    (by, ranges, first, old) => {
      const { read } = kept(ranges, by)
      expect(read(first)).toEqual({ ok: true, event: first })
      const refused = read(old)
      expect(refused.ok ? '' : refused.reason).toMatch(/^past retention: nothing before 2026-/)
    },
  )

  it('says what the door says of what is no event', () => {
    expect(kept(1).read(7)).toEqual({ ok: false, reason: 'no text' })
  })

  it('lets in whatever is later than something it lets in', () => {
    const days = fc.integer({ min: -2_000, max: 2_000 })
    const timeOf = (day: number): string => new Date(NOW + day * 43_200_000).toISOString()
    fc.assert(
      fc.property(days, fc.nat(3_000), fc.nat(40), (day, later, ranges) => {
        const { read } = kept(ranges)
        if (read(timeOf(day)).ok) expect(read(timeOf(day + later)).ok).toBe(true)
      }),
    )
  })
})
