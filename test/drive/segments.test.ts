import { describe, expect, it } from 'vitest'
import { segmentsOf } from '../../src/drive/segments.ts'
import type { RateShape } from '../../src/scenario/scenario.ts'

const phases = { warmupS: 2, measureS: 10, drainS: 1 }
const mapping = {
  organization_id: 'o',
  transaction_id: 't',
  external_customer_id: 'c',
  code: 'k',
  timestamp: 'at',
  properties: [],
}

function stretches(rate: RateShape, more: object = {}): readonly (string | number)[][] {
  return segmentsOf(
    { rate, phases: { ...phases, ...more } },
    { events: 3_000, lengthMs: 29_999 },
  ).map(({ name, kind, fromS, toS, fromPerS, toPerS }) => [
    name,
    kind,
    fromS,
    toS,
    fromPerS,
    toPerS,
  ])
}

describe('segments of a scenario', () => {
  it('warm up at the first measured rate unless told otherwise', () => {
    expect(stretches({ kind: 'constant', ratePerS: 100 })).toEqual([
      ['warm-up', 'warmup', 0, 2, 100, 100],
      ['constant', 'measure', 2, 12, 100, 100],
    ])
    expect(stretches({ kind: 'constant', ratePerS: 100 }, { warmupPerS: 30 })[0]).toEqual([
      'warm-up',
      'warmup',
      0,
      2,
      30,
      30,
    ])
    expect(stretches({ kind: 'constant', ratePerS: 100 }, { warmupS: 0 })).toHaveLength(1)
  })

  it('are one per step, numbered from one', () => {
    expect(stretches({ kind: 'steps', ratesPerS: [100, 200], stepS: 4 }).slice(1)).toEqual([
      ['step-1', 'measure', 2, 6, 100, 100],
      ['step-2', 'measure', 6, 10, 200, 200],
    ])
  })

  it('are a single sloped one for a ramp', () => {
    expect(stretches({ kind: 'ramp', fromPerS: 0, toPerS: 50 })).toEqual([
      ['warm-up', 'warmup', 0, 2, 50, 50],
      ['ramp', 'measure', 2, 12, 0, 50],
    ])
  })

  it('surround a spike, and leave out what has no length', () => {
    const spike = { kind: 'spike', basePerS: 10, peakPerS: 90 } as const
    expect(stretches({ ...spike, atS: 3, lengthS: 2 }).slice(1)).toEqual([
      ['before', 'measure', 2, 5, 10, 10],
      ['spike', 'measure', 5, 7, 90, 90],
      ['after', 'measure', 7, 12, 10, 10],
    ])
    expect(stretches({ ...spike, atS: 0, lengthS: 99 }).slice(1)).toEqual([
      ['spike', 'measure', 2, 12, 90, 90],
    ])
  })

  it('cover a recorded file at its own pace times the factor', () => {
    const rate: RateShape = {
      kind: 'recorded',
      file: 'f',
      format: 'csv',
      mapping,
      pace: { kind: 'recorded', factor: 3 },
    }
    const [warmup, measured] = stretches(rate)
    expect(warmup?.slice(0, 4)).toEqual(['warm-up', 'warmup', 0, 2])
    expect(measured?.[2]).toBe(2)
    expect(measured?.[3]).toBeCloseTo(10.0007, 3)
  })

  it('let a recorded file at a rate last as long as its events do', () => {
    const rate: RateShape = {
      kind: 'recorded',
      file: 'f',
      format: 'csv',
      mapping,
      pace: { kind: 'rate', ratePerS: 100 },
    }
    expect(stretches(rate)[1]).toEqual(['recorded', 'measure', 2, 30, 100, 100])
  })

  it('need a length where it does not follow from the rate', () => {
    const scenario = { rate: { kind: 'constant', ratePerS: 1 }, phases: { warmupS: 0, drainS: 1 } }
    expect(() => segmentsOf(scenario as never, null)).toThrow('how long to measure')
  })
})
