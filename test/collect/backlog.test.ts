import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Backlog } from '../../src/collect/backlog.ts'

describe('a backlog', () => {
  it('is told once for each window, by the first poll that began after its end', () => {
    const backlog = new Backlog()
    expect(backlog.take()).toBeNull()
    const samples: (number | null)[] = []
    for (const [second, waiting] of [0, 1_000, 0].entries()) {
      const endMs = (second + 1) * 1_000
      const acknowledged = (second + 1) * 5_000
      backlog.polled(acknowledged - waiting - 200, endMs - 50)
      backlog.polled(acknowledged - waiting, endMs + 50)
      backlog.polled(acknowledged + 700, endMs + 150)
      backlog.acknowledged(acknowledged, endMs)
      samples.push(backlog.take(), backlog.take())
    }
    expect(samples).toEqual([0, null, 1_000, null, 0, null])
  })

  it('is the largest where several windows fall between two samples', () => {
    const backlog = new Backlog()
    for (const [at, waiting] of [10, 70, 30].entries()) {
      backlog.acknowledged(at * 100 + waiting, at * 1_000)
      backlog.polled(at * 100, at * 1_000 + 20)
    }
    expect(backlog.events()).toBe(30)
    expect(backlog.take()).toBe(70)
  })

  it('waits for such a poll where it is asked before there is one', () => {
    const backlog = new Backlog()
    const samples: (number | null)[] = []
    for (let second = 1; second <= 3; second++) {
      backlog.polled(second * 1_000 - 100, second * 1_000 - 100)
      backlog.acknowledged(second * 1_000, second * 1_000)
      samples.push(backlog.take())
      backlog.polled(second * 1_000 - second, second * 1_000 + 10)
    }
    samples.push(backlog.take())
    expect(samples).toEqual([null, 1, 2, 3])
  })

  it('is as it was at the end of a window, however late that is told', () => {
    const backlog = new Backlog()
    for (let atMs = 0; atMs <= 6_000; atMs += 100) backlog.polled(atMs < 2_000 ? 10 : 500, atMs)
    backlog.acknowledged(400, 1_000)
    expect(backlog.events()).toBe(390)
    expect([backlog.take(), backlog.take()]).toEqual([390, 0])
  })

  it('leaves what was acknowledged and never seen, told or not', () => {
    const backlog = new Backlog()
    expect(backlog.left()).toBe(0)
    backlog.acknowledged(500, 1_000)
    expect(backlog.left()).toBe(500)
    backlog.polled(470, 1_010)
    expect(backlog.take()).toBe(30)
    expect(backlog.left()).toBe(30)
    // Too early for one that is told: nobody knows yet that no window comes.
    backlog.polled(500, 1_200)
    expect([backlog.take(), backlog.left()]).toEqual([null, 0])
    backlog.polled(520, 1_300)
    expect(backlog.left()).toBe(0)
  })

  it('is told where a store no longer answers, a window later', () => {
    const backlog = new Backlog()
    backlog.polled(100, 900)
    const samples = [1_000, 2_000, 3_000].map((atMs) => {
      backlog.acknowledged(atMs, atMs)
      return backlog.take()
    })
    expect(samples).toEqual([null, 900, 1_900])
  })

  it('drains when no more windows come', () => {
    const backlog = new Backlog()
    backlog.acknowledged(1_000, 5_000)
    backlog.polled(400, 5_100)
    expect(backlog.take()).toBe(600)
    const samples = [6_000, 7_500, 8_500, 9_500].map((atMs, at) => {
      backlog.polled(600 + at * 200, atMs)
      return backlog.take()
    })
    expect(samples).toEqual([null, 200, 0, 0])
  })

  it('is never less than nothing, and never more than was acknowledged', () => {
    const step = fc.record({ acknowledged: fc.nat(500), seen: fc.nat(700), lateMs: fc.nat(900) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const backlog = new Backlog()
        let [acknowledged, seen] = [0, 0]
        for (const [at, one] of steps.entries()) {
          acknowledged += one.acknowledged
          seen += one.seen
          backlog.acknowledged(acknowledged, at * 1_000)
          backlog.polled(seen, at * 1_000 + one.lateMs)
          const events = backlog.take()
          expect(events).toBe(Math.max(0, acknowledged - seen))
        }
      }),
    )
  })
})
