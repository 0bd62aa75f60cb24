import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IndexBits } from '../../src/audit/index-bits.ts'
import { drawn } from '../../src/audit/index-draws.ts'

function setOf(length: number, members: Iterable<number>): IndexBits {
  const bits = new IndexBits(length)
  for (const member of members) bits.add(member)
  return bits
}

describe('draws from a set of events', () => {
  it('give every member once and nothing else, in the same order for the same seed', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(4_999), { maxLength: 600 }),
        fc.integer(),
        (members, seed) => {
          const bits = setOf(5_000, members)
          const order = [...drawn(bits, seed)]
          expect(order.toSorted((a, b) => a - b)).toEqual(members.toSorted((a, b) => a - b))
          expect([...drawn(bits, seed)]).toEqual(order)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('fall on every rhythm alike: no period of the events is missed or preferred', () => {
    const bits = setOf(64_000, Array(64_000).keys())
    for (const period of [2, 7, 16, 64]) {
      const counts = new Array<number>(period).fill(0)
      const draws = 6_400
      let left = draws
      for (const index of drawn(bits, 5)) {
        if (left-- === 0) break
        counts[index % period] = (counts[index % period] ?? 0) + 1
      }
      const expected = draws / period
      // Chi-square of period − 1 degrees of freedom: mean k, standard deviation √2k.
      const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
      expect(chi).toBeLessThan(period - 1 + 5 * Math.sqrt(2 * (period - 1)))
    }
  })
})
