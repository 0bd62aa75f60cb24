import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTimestamp } from '../../../reference-impl/service-kit/timestamp.ts'

const moment = fc.date({
  min: new Date('1900-01-01T00:00:00Z'),
  max: new Date('2299-12-31T23:59:59Z'),
  noInvalidDate: true,
})

describe('isTimestamp', () => {
  it('takes every moment that toISOString writes, with any fraction and zone', () => {
    const fraction = fc.oneof(fc.constant(''), fc.stringMatching(/^\.[0-9]{1,9}$/))
    const zone = fc.constantFrom('Z', '+00:00', '-11:30', '+14:00')
    fc.assert(
      fc.property(moment, fraction, zone, (date, digits, suffix) => {
        expect(isTimestamp(date.toISOString().slice(0, 19) + digits + suffix)).toBe(true)
      }),
    )
  })

  it('takes a day exactly when the calendar has it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1900, max: 2299 }),
        fc.integer({ min: 0, max: 14 }),
        fc.integer({ min: 0, max: 33 }),
        (year, month, day) => {
          const date = new Date(Date.UTC(year, month - 1, day))
          const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
          const two = (value: number) => String(value).padStart(2, '0')
          expect(isTimestamp(`${String(year)}-${two(month)}-${two(day)}T00:00:00Z`)).toBe(exists)
        },
      ),
    )
  })

  it.each([
    '2026-02-25',
    '2026-02-25T12:00:00',
    '2026-02-25 12:00:00Z',
    '2026-02-25T24:00:00Z',
    '2026-02-25T12:60:00Z',
    '2026-02-25T12:00:60Z',
    '2026-02-25T12-00:00Z',
    '2026-02-25T12:00-00Z',
    '2026-02-25T12:00:00.Z',
    '2026-02-25T12:00:00.1234567890Z',
    '2026-02-25T12:00:00+2:00',
    '2026-02-25T12:00:00+0200',
    '2026-02-25T12:00:00+02:00x',
    '2026-02-25T12:00:00z',
    '1899-12-31T00:00:00Z',
    '2300-01-01T00:00:00Z',
    ' 2026-02-25T12:00:00Z',
    '２026-02-25T12:00:00Z',
  ])('refuses %s', (text) => {
    expect(isTimestamp(text)).toBe(false)
  })
})
