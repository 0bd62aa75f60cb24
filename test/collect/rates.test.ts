import { describe, expect, it } from 'vitest'
import { METRICS, findMetric } from '../../src/collect/metrics.ts'
import { CounterRates, RATE_OF_COUNTER } from '../../src/collect/rates.ts'

describe('rates', () => {
  it('are gauges per second of counters with the same label', () => {
    for (const [counter, rate] of RATE_OF_COUNTER) {
      expect(findMetric(counter)?.kind).toBe('counter')
      expect(findMetric(rate)?.kind).toBe('gauge')
      expect(findMetric(rate)?.label).toBe(findMetric(counter)?.label)
    }
  })

  it('need two readings, and belong to one instance each', () => {
    const rates = new CounterRates()
    const of = (label: string): { id: string; label: string } => ({ id: 'cpu.seconds', label })
    expect(rates.next(of('service'), { t: 0, value: 10 })).toBeNull()
    expect(rates.next(of('postgres'), { t: 500, value: 90 })).toBeNull()
    expect(rates.next(of('service'), { t: 2_000, value: 11 })).toEqual({
      key: 'cpu.cores{service}',
      perS: 0.5,
    })
    expect(rates.next(of('service'), { t: 2_000, value: 12 })).toBeNull()
  })

  it('begin again from zero when a counter does', () => {
    const rates = new CounterRates()
    const wal = { id: 'wal.bytes', label: null }
    rates.next(wal, { t: 0, value: 1_000_000 })
    expect(rates.next(wal, { t: 1_000, value: 300 })?.perS).toBe(300)
  })
})

describe('metrics', () => {
  it('are each defined once, with unit, meaning and direction', () => {
    const ids = METRICS.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { unit, title, meaning } of METRICS) {
      expect(unit).not.toBe('')
      expect(title).not.toBe('')
      expect(meaning.length).toBeGreaterThan(title.length - 1)
    }
  })
})
