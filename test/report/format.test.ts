import fc from 'fast-check'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { formatQuantity } from '../../src/kit/units.ts'
import { PAGE_DIR } from '../../src/report/page-files.ts'

interface FormatModule {
  readonly formatValue: (value: number, unit: string) => string
  readonly formatClock: (seconds: number) => string
}

const page = (await import(pathToFileURL(join(PAGE_DIR, 'format.js')).href)) as FormatModule

describe('quantities on the page', () => {
  it('says the same words in a tooltip as in the table', () => {
    const units = ['µs', 's', 'bytes', 'bytes/s', 'ratio', 'events/s', 'cores']
    fc.assert(
      fc.property(
        fc.constantFrom(...units),
        fc.double({ min: 0, max: 1e15, noNaN: true }),
        (unit, value) => {
          expect(page.formatValue(value, unit)).toBe(formatQuantity(value, unit))
        },
      ),
    )
  })

  it('writes moments of a run as minutes and seconds, with hours where there are any', () => {
    expect([0, 5, 65, 3_599, 3_600, 86_399].map(page.formatClock)).toEqual([
      '0:00',
      '0:05',
      '1:05',
      '59:59',
      '1:00:00',
      '23:59:59',
    ])
  })

  it('names a percentile by its share', () => {
    expect([1, 2, 3, 4].map((x) => page.formatValue(x, 'percentile'))).toEqual([
      'p90',
      'p99',
      'p99.9',
      'p99.99',
    ])
  })
})
