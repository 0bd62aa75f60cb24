import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, readableJson, recordHash } from '../../src/results/canonical.ts'

const json = fc.jsonValue({ maxDepth: 4 })

describe('canonical JSON', () => {
  it('is the same text whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (value) => {
        const backwards = Object.fromEntries(Object.entries(value).reverse())
        expect(canonicalJson(backwards)).toBe(canonicalJson(value))
        expect(recordHash(backwards)).toBe(recordHash(value))
      }),
    )
  })

  it('says the same as JSON does', () => {
    fc.assert(
      fc.property(json, (value) => {
        const asJson: unknown = JSON.parse(JSON.stringify(value))
        expect(JSON.parse(canonicalJson(value))).toEqual(asJson)
        expect(JSON.parse(readableJson(value))).toEqual(asJson)
      }),
    )
  })

  it('differs where a value differs', () => {
    expect(recordHash({ a: 1, b: [1, 2] })).not.toBe(recordHash({ a: 1, b: [2, 1] }))
  })

  it('refuses what JSON would silently turn into null, naming the place', () => {
    expect(() => canonicalJson({ steps: [{ value: Number.NaN }] })).toThrow('steps[0].value')
    expect(() => canonicalJson({ sum: 1n })).toThrow('sum')
  })
})
