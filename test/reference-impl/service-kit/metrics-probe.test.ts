import { describe, expect, it } from 'vitest'
import { Meters } from '../../../reference-impl/service-kit/meters.ts'
import { routedSamplesOf, samplesOf } from '../../../reference-impl/service-kit/metrics-probe.ts'
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

it('reads who answered, how far replicas lag and which breakers are open, each by its own label', () => {
  using meters = new Meters()
  const page = meters.page({
    queueEvents: 0,
    queueBytes: 0,
    secondary: null,
    more: [],
    routed: {
      reads: new Map([
        ['postgres.events', 3],
        ['replica-1.events', 40],
      ]),
      primaryReads: new Map([['breaker', 3]]),
      replicas: [
        {
          name: 'replica-1',
          heartbeatLagMs: 12.5,
          breakers: { critical: 'open', search: 'half-open', analytics: 'closed' },
          openings: { critical: 3, search: 1, analytics: 0 },
        },
        {
          name: 'replica-2',
          heartbeatLagMs: null,
          breakers: { critical: 'open', search: 'open', analytics: 'open' },
          openings: { critical: 1, search: 1, analytics: 1 },
        },
      ],
    },
  })
  const samples = routedSamplesOf(page)
  expect(samples).toEqual(
    expect.arrayContaining([
      { metric: 'replica.reads', label: 'postgres.events', value: 3 },
      { metric: 'replica.reads', label: 'replica-1.events', value: 40 },
      { metric: 'replica.heartbeatLagMs', label: 'replica-1', value: 12.5 },
      { metric: 'replica.breakerOpenRatio', label: 'replica-1 critical', value: 1 },
      { metric: 'replica.breakerOpenRatio', label: 'replica-1 search', value: 0.5 },
      { metric: 'replica.breakerOpenRatio', label: 'replica-1 analytics', value: 0 },
      { metric: 'replica.breakerOpenings', label: 'replica-1 critical', value: 3 },
      { metric: 'replica.breakerOpenings', label: 'replica-1 search', value: 1 },
      { metric: 'replica.breakerOpenings', label: 'replica-1 analytics', value: 0 },
    ]),
  )
  // A replica that does not answer has no lag, which is not a lag of zero.
  expect(samples.filter(({ label }) => label === 'replica-2')).toEqual([])
  expect(page).toContain('headroom_primary_reads_total{because="breaker"} 3\n')
  for (const { metric } of samples) expect(findMetric(metric)).toBeDefined()
})
