/**
 * What the points of a sweep are compared by. In: what its file asks for. Out: those figures in front, then the ones of
 * every sweep, each with its words, its unit and which way is better.
 */
import { findMetric, parseMetricKey } from '../collect/metrics.ts'
import type { FigureTake, Sweep, SweepFigure } from '../results/sweep-record.ts'
import type { Round } from './evidence.ts'
import type { Figure } from './figures.ts'
import { figureOf } from './figures.ts'
import { metricFigure, takesOf } from './metric-figure.ts'
import { percentileOf } from './step-percentiles.ts'

interface Described {
  readonly better: 'less' | 'more' | 'neither'
  /** They begin a clause. */
  readonly words: string
  /** As units.ts writes it. */
  readonly unit: string
}

interface OfEverySweep extends Described {
  readonly figure: Figure
  readonly asked: null
}

interface OfThisSweep extends Described {
  /** `query.seconds{Q9} p50`. */
  readonly figure: string
  readonly asked: SweepFigure
}

export type Swept = OfEverySweep | OfThisSweep

const everySweep = (
  figure: Figure,
  words: string,
  { unit, better = 'less' }: Pick<Described, 'unit'> & Partial<Described>,
): OfEverySweep => ({ figure, asked: null, better, words, unit })

/** In the order of the table. */
const OF_EVERY_SWEEP: readonly OfEverySweep[] = [
  everySweep('rate.sustainedPerS', 'the rate held', { unit: 'events/s', better: 'more' }),
  everySweep('latency.p50Us', 'p50', { unit: 'µs' }),
  everySweep('latency.p99Us', 'p99', { unit: 'µs' }),
  everySweep('wal.bytesPerEvent', 'WAL per event', { unit: 'bytes' }),
  everySweep('store.indexBytesPerEvent', 'index bytes per event', { unit: 'bytes' }),
  everySweep('store.bytesPerEvent', 'stored bytes per event', { unit: 'bytes' }),
  everySweep('cpu.msPer1000Events{service}', 'CPU of the service', { unit: 'ms' }),
  everySweep('cpu.msPer1000Events{engine}', 'CPU of the engine', { unit: 'ms' }),
]

export function sweptBy({ figures = [] }: Pick<Sweep, 'figures'>): readonly Swept[] {
  return [...figures.map(asSwept), ...OF_EVERY_SWEEP]
}

/** Whether every sweep is compared by it already. */
export function isOfEverySweep({ metric, of }: Pick<SweepFigure, 'metric' | 'of'>): boolean {
  return of === takesOf(metric)[0] && OF_EVERY_SWEEP.some(({ figure }) => figure === metric)
}

export function sweptValue(round: Round, swept: Swept, ratePerS: number | null): number | null {
  if (swept.asked !== null) return metricFigure(round, swept.asked, ratePerS)
  const of = percentileOf(swept.figure)
  // No less is asked of p50 and p99 than where a sweep's own file asks for them.
  return of === null
    ? figureOf(round, swept.figure, ratePerS)
    : metricFigure(round, { metric: swept.figure, of }, ratePerS)
}

function asSwept(asked: SweepFigure): OfThisSweep {
  const { metric, of, better } = asked
  const { title, unit } = findMetric(metric) ?? { title: metric, unit: '' }
  const { label } = parseMetricKey(metric)
  const details = [label, takeInWords(metric, of)].filter((text) => text !== null && text !== '')
  const words = details.length === 0 ? title : `${title} (${details.join(', ')})`
  return { figure: `${metric} ${of}`, asked, better, words, unit }
}

/** Empty where the title says it, or nothing else could be meant. */
function takeInWords(metric: string, of: FigureTake): string {
  const { id } = parseMetricKey(metric)
  switch (of) {
    case 'mean':
    case 'last':
      return ''
    case 'growth':
      return 'in all'
    case 'worst':
      return id === 'query.seconds' ? 'slowest answer' : 'worst window'
    case 'p50':
    case 'p90':
    case 'p99':
    case 'p999':
      return id === 'query.seconds' ? of : ''
  }
}
