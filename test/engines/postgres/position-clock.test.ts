import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PositionClock } from '../../../src/engines/postgres/position-clock.ts'

describe('the age of a WAL position', () => {
  it('is 0 while it is the newest, however long that lasts', () => {
    const clock = new PositionClock()
    clock.look(0, 100)
    clock.look(50, 100)
    expect(clock.ageS(90, 100)).toBe(0)
  })

  it('counts from the first look that saw a newer one', () => {
    const clock = new PositionClock()
    clock.look(10, 100)
    clock.look(11, 200)
    clock.look(12, 300)
    expect(clock.ageS(15, 100)).toBe(4)
    expect(clock.ageS(15, 250)).toBe(3)
    expect(clock.ageS(15, 300)).toBe(0)
  })

  it('of a position from before the first look is at least the time of looking', () => {
    const clock = new PositionClock()
    clock.look(10, 100)
    expect(clock.ageS(15, 7)).toBe(5)
  })

  it('never grows with the position, and never shrinks with time', () => {
    const steps = fc.array(fc.tuple(fc.nat(5), fc.nat(1_000)), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(steps, fc.nat(20_000), fc.nat(20_000), (grown, a, b) => {
        const clock = new PositionClock()
        let atS = 0
        let position = 0
        for (const [seconds, bytes] of grown) clock.look((atS += seconds), (position += bytes))
        const [older, newer] = [Math.min(a, b), Math.max(a, b)]
        expect(clock.ageS(atS, older)).toBeGreaterThanOrEqual(clock.ageS(atS, newer))
        expect(clock.ageS(atS + 1, older)).toBeGreaterThanOrEqual(clock.ageS(atS, older))
      }),
    )
  })
})
