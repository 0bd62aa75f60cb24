import { describe, expect, it } from 'vitest'
import { lossOf } from '../../../../src/study/experiment/steps/disturb.ts'

const acked = [
  { n: 1, atMs: 1_000 },
  { n: 2, atMs: 1_010 },
  { n: 3, atMs: 1_030 },
]

describe('what a killed server lost', () => {
  it('is measured from the last row it kept', () => {
    expect(lossOf(acked, { n: 2, atMs: 1_010 })).toEqual({ ackedRows: 3, lostRows: 1, lostMs: 20 })
  })

  it('is nothing where it kept all, and one that was never acknowledged', () => {
    const none = { ackedRows: 3, lostRows: 0, lostMs: 0 }
    expect(lossOf(acked, { n: 3, atMs: 1_030 })).toEqual(none)
    expect(lossOf(acked, { n: 4, atMs: 1_040 })).toEqual(none)
  })

  it('is everything since the first row where it kept none', () => {
    expect(lossOf(acked, null)).toEqual({ ackedRows: 3, lostRows: 3, lostMs: 30 })
  })

  it('cannot be told where nothing was acknowledged', () => {
    expect(() => lossOf([], null)).toThrow('no row was acknowledged before the server was killed')
  })
})
