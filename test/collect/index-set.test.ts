import fc from 'fast-check'
import { expect, it } from 'vitest'
import { IndexSet } from '../../src/collect/index-set.ts'

it('is a set of indexes, wherever in 48 bits they lie', () => {
  const index = fc.oneof(fc.nat({ max: 200_000 }), fc.integer({ min: 0, max: 2 ** 48 - 1 }))
  fc.assert(
    fc.property(fc.array(index), fc.array(index), (added, others) => {
      const set = new IndexSet()
      const known = new Set<number>()
      for (const one of added) {
        expect(set.add(one)).toBe(!known.has(one))
        known.add(one)
      }
      expect(set.size).toBe(known.size)
      for (const one of [...added, ...others]) expect(set.has(one)).toBe(known.has(one))
    }),
  )
})
