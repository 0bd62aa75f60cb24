/**
 * The columns of the comparison: how each reads a target, writes it, sorts it and which way is better. The HTML table and
 * the Markdown table are both made of them.
 */
import type { TargetFindings } from '../../judge/findings.ts'
import {
  formatBytes,
  formatCount,
  formatDurationUs,
  formatInterval,
  formatNumber,
} from '../../kit/units.ts'
import type { Quantile } from '../../results/record.ts'
import { tierWords } from './words.ts'

export interface Column {
  readonly id: string
  readonly title: string
  /** Second line of the heading: unit or condition. */
  readonly unit: string
  /** Where the evidence is; without the leading #. */
  readonly evidence: string
  readonly better: 'less' | 'more' | null
  /** Name of the metric the judge ranks, where it ranks this column. */
  readonly ranking: string | null
  /** For sorting and comparing; null sorts last. Infinity where events were never answered. */
  readonly value: (target: TargetFindings) => number | null
  readonly text: (target: TargetFindings) => string
}

const NONE = '–'

function quantileColumn(
  base: Pick<Column, 'id' | 'title' | 'unit' | 'evidence' | 'ranking'>,
  pick: (target: TargetFindings) => Quantile | null | undefined,
): Column {
  return {
    ...base,
    better: 'less',
    value: (target) => {
      const quantile = pick(target)
      return quantile === 'infinite' ? Infinity : (quantile ?? null)
    },
    text: (target) => {
      const quantile = pick(target) ?? null
      return quantile === null ? NONE : formatDurationUs(quantile)
    },
  }
}

function numberColumn(
  base: Omit<Column, 'value' | 'text'>,
  options: {
    readonly pick: (target: TargetFindings) => number | null
    readonly format: (value: number) => string
  },
): Column {
  return {
    ...base,
    value: options.pick,
    text: (target) => {
      const value = options.pick(target)
      return value === null ? NONE : options.format(value)
    },
  }
}

const milliseconds = (ms: number): string => `${formatNumber(ms)} ms`

/** `3,100 (3,000–3,200)`, or the one value on which all rounds agree. */
function sustainedText(interval: TargetFindings['sustainedPerS']): string {
  if (interval === null) return NONE
  const middle = formatNumber(interval.mid)
  const range = formatInterval(interval, '')
  return range === middle ? middle : `${middle} (${range})`
}

const sustained: Column = {
  id: 'sustained',
  title: 'sustained',
  unit: 'events/s',
  evidence: 'chart-rate',
  better: 'more',
  ranking: 'rate.sustainedPerS',
  value: (target) => target.sustainedPerS?.mid ?? null,
  text: (target) => sustainedText(target.sustainedPerS),
}

/** With its full-page images where they cannot be told apart; a note says so too. */
function walText({ walBytesPerEvent, walTotalBytesPerEvent }: TargetFindings): string {
  if (walBytesPerEvent !== null) return formatBytes(walBytesPerEvent)
  return walTotalBytesPerEvent === null ? NONE : `${formatBytes(walTotalBytesPerEvent)} in total`
}

export const COLUMNS: readonly Column[] = [
  sustained,
  quantileColumn(
    {
      id: 'p50',
      title: 'p50',
      unit: 'latency',
      evidence: 'chart-latency-percentiles',
      ranking: 'latency.p50Us',
    },
    (target) => target.latencyUs?.p50,
  ),
  quantileColumn(
    {
      id: 'p99',
      title: 'p99',
      unit: 'latency',
      evidence: 'chart-latency-percentiles',
      ranking: 'latency.p99Us',
    },
    (target) => target.latencyUs?.p99,
  ),
  quantileColumn(
    {
      id: 'p999',
      title: 'p99.9',
      unit: 'latency',
      evidence: 'chart-latency-percentiles',
      ranking: 'latency.p999Us',
    },
    (target) => target.latencyUs?.p999,
  ),
  quantileColumn(
    {
      id: 'fresh-p50',
      title: 'fresh p50',
      unit: 'ack to readable',
      evidence: 'chart-freshness',
      ranking: 'freshness.p50Us',
    },
    (target) => target.freshnessUs?.p50,
  ),
  quantileColumn(
    {
      id: 'fresh-p99',
      title: 'fresh p99',
      unit: 'ack to readable',
      evidence: 'chart-freshness',
      ranking: 'freshness.p99Us',
    },
    (target) => target.freshnessUs?.p99,
  ),
  {
    id: 'wal',
    title: 'WAL',
    unit: 'per event',
    evidence: 'chart-wal',
    better: 'less',
    ranking: 'wal.bytesPerEvent',
    // A total with its full-page images is no figure to compare with one without them.
    value: (target) => target.walBytesPerEvent,
    text: walText,
  },
  numberColumn(
    {
      id: 'stored',
      title: 'stored',
      unit: 'per event',
      evidence: 'stores',
      better: 'less',
      ranking: 'store.bytesPerEvent',
    },
    { pick: (target) => target.storedBytesPerEvent, format: formatBytes },
  ),
  numberColumn(
    {
      id: 'cpu-service',
      title: 'service',
      unit: 'CPU per 1,000',
      evidence: 'chart-cpu',
      better: 'less',
      ranking: 'cpu.msPer1000Events{service}',
    },
    { pick: (target) => target.cpuMsPer1000.service, format: milliseconds },
  ),
  numberColumn(
    {
      id: 'cpu-engine',
      title: 'engine',
      unit: 'CPU per 1,000',
      evidence: 'chart-cpu',
      better: 'less',
      ranking: 'cpu.msPer1000Events{engine}',
    },
    { pick: (target) => target.cpuMsPer1000.engine, format: milliseconds },
  ),
  {
    id: 'ack',
    title: '2xx survives',
    unit: 'by promise',
    evidence: 'promises',
    better: null,
    ranking: null,
    value: () => null,
    text: (target) => tierWords(target.durability).replace(/^survives (an? |the )?/, ''),
  },
  {
    id: 'lost',
    title: 'lost',
    unit: 'duplicated',
    evidence: 'audit',
    better: null,
    ranking: null,
    value: ({ lostEvents, duplicatedRows }) =>
      lostEvents === null || duplicatedRows === null ? null : lostEvents + duplicatedRows,
    text: ({ lostEvents, duplicatedRows }) =>
      lostEvents === null || duplicatedRows === null
        ? NONE
        : `${formatCount(lostEvents)} | ${formatCount(duplicatedRows)}`,
  },
  {
    id: 'parts',
    title: 'to operate',
    unit: 'parts',
    evidence: 'conditions',
    better: null,
    ranking: null,
    value: (target) => target.partsToOperate.length,
    text: (target) => target.partsToOperate.join(', '),
  },
]
