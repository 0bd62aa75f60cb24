import { describe, expect, it } from 'vitest'
import { Meters } from '../../../reference-impl/service-kit/meters.ts'
import { samplesOf } from '../../../reference-impl/service-kit/metrics-probe.ts'
import { findMetric } from '../../../src/collect/metrics.ts'

describe('the metrics page and its probe', () => {
  it('agree on names and units, and speak metrics the harness knows', () => {
    using meters = new Meters()
    const secondary = { queueEvents: 3, storedEvents: 5, failedEvents: 7 }
    const page = meters.page({ queueEvents: 11, queueBytes: 13, secondary, more: [] })
    const samples = samplesOf(page, 'service')
    const valueOf = (metric: string) => samples.find((sample) => sample.metric === metric)?.value
    expect(valueOf('service.queueEvents')).toBe(11)
    expect(valueOf('secondary.failedEvents')).toBe(7)
    expect(valueOf('pool.waitMs')).toBe(0)
    expect(valueOf('pool.waitMaxMs')).toBe(0)
    expect(valueOf('service.eventLoopDelayP99Us')).toBe(0)
    for (const { metric, label } of samples) {
      expect(findMetric(metric)).toBeDefined()
      expect(label).toBe('service')
    }
  })

  it('counts an answer once by what became of each event', () => {
    using meters = new Meters()
    meters.answered({ state: 'stored', duplicates: [1], rejected: [{ index: 2, reason: 'x' }] }, 5)
    meters.answered({ state: 'unknown', because: 'x' }, 2)
    meters.answered({ state: 'refused', because: 'x' }, 4)
    const page = meters.page({ queueEvents: 0, queueBytes: 0, secondary: null, more: [] })
    for (const line of [
      'accepted"} 3',
      'duplicate"} 1',
      'rejected"} 1',
      'unknown"} 2',
      'shed"} 4',
    ]) {
      expect(page).toContain(`headroom_events_total{outcome="${line}\n`)
    }
    expect(page).not.toContain('secondary')
  })
})
