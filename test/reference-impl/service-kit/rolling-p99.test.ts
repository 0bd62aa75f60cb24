import { describe, expect, it } from 'vitest'
import { RollingP99 } from '../../../reference-impl/service-kit/rolling-p99.ts'

describe('RollingP99', () => {
  it('tells the last whole second, however often it is asked, and forgets it after the next', () => {
    let nowMs = 0
    const rolling = new RollingP99(() => nowMs)
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
    const rolling = new RollingP99(() => nowMs)
    rolling.record(50)
    nowMs = 10_000
    expect(rolling.p99Ms()).toBe(0)
  })
})
