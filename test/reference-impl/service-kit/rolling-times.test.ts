import { describe, expect, it } from 'vitest'
import { RollingTimes } from '../../../reference-impl/service-kit/rolling-times.ts'

describe('RollingTimes', () => {
  it('tells the last whole second, however often it is asked, and forgets it after the next', () => {
    let nowMs = 0
    const rolling = new RollingTimes(() => nowMs)
    for (let ms = 1; ms <= 100; ms++) rolling.record(ms)
    expect(rolling.p99Ms()).toBe(0)
    nowMs = 1_000
    // A histogram of perf_hooks keeps three digits.
    expect(rolling.p99Ms()).toBeGreaterThan(98)
    expect(rolling.p99Ms()).toBeLessThan(100)
    nowMs = 1_999
    expect(rolling.p99Ms()).toBeGreaterThan(98)
    nowMs = 2_000
    expect(rolling.p99Ms()).toBe(0)
  })

  it('does not show an old second as the last one after a pause', () => {
    let nowMs = 0
    const rolling = new RollingTimes(() => nowMs)
    rolling.record(50)
    nowMs = 10_000
    expect(rolling.p99Ms()).toBe(0)
  })

  it('shows the longest of a second to whoever looks once a second, whenever he looks', () => {
    for (let lookMs = 0; lookMs < 1_000; lookMs += 90) {
      let nowMs = 0
      const rolling = new RollingTimes(() => nowMs)
      nowMs = 500
      for (const ms of [1, 70, 2]) rolling.record(ms)
      const seen: number[] = []
      for (let at = 0; at < 6; at += 1) {
        nowMs = 600 + lookMs + at * 1_000
        rolling.record(1)
        seen.push(Math.round(rolling.maxMs()))
      }
      expect(seen).toContain(70)
      expect(seen.at(-1)).toBe(1)
    }
  })
})
