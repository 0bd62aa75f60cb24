/** The stretches of a scenario's rate over time. In: a scenario. Out: segments from the warm-up to the last second. Pure. */
import { HeadroomError } from '../kit/errors.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Segment } from './job.ts'

export interface RecordedLength {
  readonly events: number
  /** From the first to the last recorded event, at the file's own pace. */
  readonly lengthMs: number
}

/**
 * @param recorded what the file of a `recorded` scenario holds; null for every other one
 * @throws HeadroomError BAD_INPUT when the length of the measured phase does not follow from the scenario
 */
export function segmentsOf(
  scenario: Pick<Scenario, 'rate' | 'phases'>,
  recorded: RecordedLength | null,
): readonly Segment[] {
  const { rate, phases } = scenario
  const recordedPace = rate.kind === 'recorded' && rate.pace.kind === 'recorded' ? rate.pace : null
  if (recordedPace !== null) {
    return recordedSegments(mustBeRead(recorded), recordedPace.factor, phases.warmupS)
  }
  const measured = measuredSegments(scenario, recorded)
  const [first] = measured
  if (first === undefined || phases.warmupS === 0) return measured
  const warmupPerS = phases.warmupPerS ?? Math.max(first.fromPerS, first.toPerS)
  return [
    { name: 'warm-up', kind: 'warmup', ...constant(warmupPerS, 0, phases.warmupS) },
    ...measured,
  ]
}

function measuredSegments(
  { rate, phases }: Pick<Scenario, 'rate' | 'phases'>,
  recorded: RecordedLength | null,
): readonly Segment[] {
  const fromS = phases.warmupS
  switch (rate.kind) {
    case 'constant': {
      const toS = fromS + mustHaveLength(phases.measureS)
      return [{ name: 'constant', kind: 'measure', ...constant(rate.ratePerS, fromS, toS) }]
    }
    case 'steps':
      return rate.ratesPerS.map((perS, k) => ({
        name: `step-${String(k + 1)}`,
        kind: 'measure',
        ...constant(perS, fromS + k * rate.stepS, fromS + (k + 1) * rate.stepS),
      }))
    case 'ramp': {
      const toS = fromS + mustHaveLength(phases.measureS)
      const { fromPerS, toPerS } = rate
      return [{ name: 'ramp', kind: 'measure', fromS, toS, fromPerS, toPerS }]
    }
    case 'spike':
      return spikeSegments(rate, fromS, mustHaveLength(phases.measureS))
    case 'recorded': {
      const perS = rate.pace.kind === 'rate' ? rate.pace.ratePerS : 0
      // What the warm-up sends of the file is not there to be measured.
      const warmupEvents = phases.warmupS * (phases.warmupPerS ?? perS)
      const events = Math.max(0, mustBeRead(recorded).events - warmupEvents)
      return [
        { name: 'recorded', kind: 'measure', ...constant(perS, fromS, fromS + events / perS) },
      ]
    }
  }
}

function spikeSegments(
  rate: Extract<Scenario['rate'], { kind: 'spike' }>,
  fromS: number,
  measureS: number,
): readonly Segment[] {
  const peakFromS = fromS + Math.min(rate.atS, measureS)
  const peakToS = Math.min(peakFromS + rate.lengthS, fromS + measureS)
  const stretches: readonly Segment[] = [
    { name: 'before', kind: 'measure', ...constant(rate.basePerS, fromS, peakFromS) },
    { name: 'spike', kind: 'measure', ...constant(rate.peakPerS, peakFromS, peakToS) },
    { name: 'after', kind: 'measure', ...constant(rate.basePerS, peakToS, fromS + measureS) },
  ]
  return stretches.filter((segment) => segment.toS > segment.fromS)
}

/** The file's own times: its first `warmupS` seconds warm up, the rest is measured; rates are means. */
function recordedSegments(
  { events, lengthMs }: RecordedLength,
  factor: number,
  warmupS: number,
): readonly Segment[] {
  // One millisecond more: the last event is due before the end.
  const toS = (lengthMs / factor + 1) / 1_000
  const perS = events / toS
  const splitS = Math.min(warmupS, toS)
  const segments: readonly Segment[] = [
    { name: 'warm-up', kind: 'warmup', ...constant(perS, 0, splitS) },
    { name: 'recorded', kind: 'measure', ...constant(perS, splitS, toS) },
  ]
  return segments.filter((segment) => segment.toS > segment.fromS)
}

function constant(
  perS: number,
  fromS: number,
  toS: number,
): Pick<Segment, 'fromS' | 'toS' | 'fromPerS' | 'toPerS'> {
  return { fromS, toS, fromPerS: perS, toPerS: perS }
}

function mustHaveLength(measureS: number | undefined): number {
  if (measureS !== undefined) return measureS
  throw new HeadroomError('BAD_INPUT', 'the scenario does not say how long to measure', {
    hint: 'set phases.measureS',
  })
}

function mustBeRead(recorded: RecordedLength | null): RecordedLength {
  if (recorded !== null) return recorded
  throw new HeadroomError('BAD_INPUT', 'the recorded file of the scenario has not been read')
}
