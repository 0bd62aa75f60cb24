import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSameValue } from '../../../src/engines/postgres/setting-value.ts'

const pages = { setting: '16384', unit: '8kB', vartype: 'integer' }

describe('two spellings of a setting', () => {
  it('say the same in whatever unit they are written', () => {
    for (const same of ['16384', '128MB', '131072kB', '0.125GB', '134217728B'])
      expect(isSameValue(pages, same), same).toBe(true)
    const timeout = { setting: '300', unit: 's', vartype: 'integer' }
    for (const same of ['300', '5min', '300000ms', '300s'])
      expect(isSameValue(timeout, same), same).toBe(true)
  })

  it('do not say the same where the amount differs, or the unit is of another kind', () => {
    for (const other of ['128', '129MB', '128kB', '128s', 'much', ''])
      expect(isSameValue(pages, other), other).toBe(false)
  })

  it('know flags by all their names', () => {
    const on = { setting: 'on', unit: null, vartype: 'bool' }
    for (const same of ['on', 'ON', 'true', 'yes', '1']) expect(isSameValue(on, same)).toBe(true)
    for (const other of ['off', 'false', 'no', '0']) expect(isSameValue(on, other)).toBe(false)
  })

  it('compare words and texts as they stand', () => {
    expect(isSameValue({ setting: 'logical', unit: null, vartype: 'enum' }, 'LOGICAL')).toBe(true)
    expect(isSameValue({ setting: 'a,b', unit: null, vartype: 'string' }, 'a, c')).toBe(false)
  })

  it('agree with themselves for every number of pages', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (count) => {
        const actual = { setting: String(count), unit: '8kB', vartype: 'integer' }
        expect(isSameValue(actual, `${String(count * 8)}kB`)).toBe(true)
        expect(isSameValue(actual, `${String((count + 1) * 8)}kB`)).toBe(false)
      }),
    )
  })
})
