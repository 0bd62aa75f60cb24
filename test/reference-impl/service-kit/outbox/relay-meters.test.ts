import { describe, expect, it } from 'vitest'
import { RelayMeters } from '../../../../reference-impl/service-kit/outbox/relay-meters.ts'
import { samplesOf } from '../../../../reference-impl/service-kit/metrics-probe.ts'
import { findMetric } from '../../../../src/collect/metrics.ts'

describe('what a worker counts', () => {
  it('is what the probe reads, and a look that finds nothing is no claim', () => {
    const meters = new RelayMeters()
    meters.claimed([], 1)
    meters.claimed([{ attempts: 1 }, { attempts: 2 }, { attempts: 3 }], 1)
    meters.completed(2, 3)
    meters.released(1)
    meters.buried(1)
    const samples = samplesOf(meters.lines().join('\n'), 'worker')
    const valueOf = (metric: string) => samples.find((sample) => sample.metric === metric)?.value
    expect(valueOf('outbox.claims')).toBe(1)
    expect(valueOf('outbox.claimedRows')).toBe(3)
    expect(valueOf('outbox.reclaimedRows')).toBe(2)
    expect(valueOf('outbox.completedRows')).toBe(2)
    expect(valueOf('outbox.lostLeaseRows')).toBe(1)
    for (const { metric, label } of samples) {
      expect(findMetric(metric)?.label).toBe('part')
      expect(label).toBe('worker')
    }
  })

  it('is told per consumer where it is about what waits', () => {
    const page =
      'headroom_outbox_pending_rows{consumer="3"} 7\nheadroom_outbox_oldest_pending_seconds{consumer="3"} 1.5'
    expect(samplesOf(page, 'service')).toEqual([
      { metric: 'outbox.pendingRows', label: '3', value: 7 },
      { metric: 'outbox.oldestPendingS', label: '3', value: 1.5 },
    ])
  })
})
