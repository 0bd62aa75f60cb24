/** Charts that lay all targets over each other: backlog, freshness, health of tables, replication, the driver's send delay. */
import { formatBytes, formatCount, formatDurationS, formatDurationUs } from '../../kit/units.ts'
import { findMetric } from '../../collect/metrics.ts'
import type { MetricId } from '../../collect/metrics.ts'
import { worstResolution } from '../../results/freshness-resolution.ts'
import { seriesOf } from '../study-view.ts'
import type { StudyView } from '../study-view.ts'
import { levelsOf } from './levels.ts'
import { instancesOf, lineOf, styleOf } from './lines.ts'
import { largest, levelsWithin, linearRange, logRange, timeAxis, valuesOf } from './panels.ts'
import type { ChartSpec, Line, Panel } from './spec.ts'

interface OverlayOptions {
  readonly metric: string
  readonly scale: 'linear' | 'log'
  readonly limit: number
}

export function backlogChart(view: StudyView, limit: number): ChartSpec | null {
  const panel = overlayPanel(view, { metric: 'backlog.events', scale: 'linear', limit })
  if (panel === null) return null
  const worst = highestLine(panel)
  return {
    name: 'backlog',
    title:
      worst === null || worst.highest < 1
        ? 'Nothing that was acknowledged ever waited to become readable'
        : `At worst ${formatCount(Math.round(worst.highest))} acknowledged events were not yet readable in ${worst.label}`,
    subtitle: 'Events acknowledged and not yet readable in the store, in the shown rounds.',
    panels: [panel],
  }
}

export function freshnessChart(view: StudyView, limit: number): ChartSpec | null {
  const panel = overlayPanel(view, { metric: 'freshness.p99Us', scale: 'log', limit })
  if (panel === null) return null
  return {
    name: 'freshness',
    title: freshnessTitle(view),
    subtitle: `p99 of the time from acknowledgement to readable, in the shown rounds. ${resolution(view)}`,
    panels: [panel],
  }
}

function freshnessTitle({ findings }: StudyView): string {
  const known = findings.targets.flatMap(({ target, freshnessUs }) =>
    freshnessUs === null ? [] : [{ target, p99: freshnessUs.p99 }],
  )
  const sorted = known.toSorted((a, b) => asNumber(a.p99) - asNumber(b.p99))
  const [best] = sorted
  const worst = sorted.at(-1)
  if (best === undefined || worst === undefined) return 'How fresh the stores are'
  const first = `99 % of events are readable within ${formatDurationUs(best.p99)} in ${best.target}`
  if (worst === best) return first
  return worst.p99 === 'infinite'
    ? `${first}; in ${worst.target} more than 1 % never were`
    : `${first} and within ${formatDurationUs(worst.p99)} in ${worst.target}`
}

function resolution(view: StudyView): string {
  const worst = worstResolution(
    view.targets.flatMap(({ shown }) => (shown === null ? [] : [shown.measured])),
  )
  if (worst === null) return ''
  const within = formatDurationUs(worst.withinMs * 1e3)
  return worst.roundPolls === 1
    ? `Known to within the largest gap between two polls, ${within}.`
    : `Known to within ${within}, ${formatCount(worst.roundPolls)} times the largest gap between two polls: old partitions are looked at in turn.`
}

export function tableHealthChart(view: StudyView, limit: number): ChartSpec | null {
  return panelsChart(view, {
    name: 'table-health',
    subtitle:
      'Dead rows awaiting vacuum with the age of the xmin horizon, which vacuum must respect (PostgreSQL), and active data parts (ClickHouse), in the shown rounds.',
    panels: [
      { metric: 'table.deadRows', words: 'dead tuples peak at', format: formatWhole },
      {
        metric: 'horizon.ageTransactions',
        words: 'the xmin horizon lags by',
        format: (age) => `${formatWhole(age)} transactions at most`,
      },
      { metric: 'parts.active', words: 'active parts peak at', format: formatWhole },
    ],
    limit,
  })
}

/** Standbys and slots: what an architecture without them has no chart of. */
export function replicationChart(view: StudyView, limit: number): ChartSpec | null {
  return panelsChart(view, {
    name: 'replication',
    subtitle:
      'Lag of every standby as its primary sees it, never smaller than the age of what it has replayed, whether a breaker keeps reads of a class from it (0 closed, 0.5 half-open, 1 open), and WAL that every slot keeps, in the shown rounds.',
    panels: [
      {
        metric: 'replica.replayLagS',
        words: 'replicas lag by',
        format: (s) => `${formatDurationS(s)} at most`,
      },
      {
        metric: 'replica.heartbeatLagMs',
        words: 'their heartbeat by',
        format: (ms) => `${formatDurationUs(ms * 1e3)} at most`,
      },
      {
        metric: 'replica.breakerOpenRatio',
        words: 'breakers between reads and replicas',
        format: (peak) => (peak > 0 ? 'opened' : 'stayed closed'),
      },
      {
        metric: 'slot.lagBytes',
        words: 'slots keep',
        format: (bytes) => `${formatBytes(bytes)} of WAL at most`,
      },
    ],
    limit,
  })
}

interface PanelsOptions {
  readonly name: string
  readonly subtitle: string
  readonly panels: readonly {
    readonly metric: MetricId
    /** Begins what the title says of the peak. */
    readonly words: string
    readonly format: (peak: number) => string
  }[]
  readonly limit: number
}

/** A panel for each metric that some target has; null where none has any. */
function panelsChart(view: StudyView, options: PanelsOptions): ChartSpec | null {
  const drawn = options.panels.flatMap(({ metric, words, format }) => {
    const panel = overlayPanel(view, { metric, scale: 'linear', limit: options.limit })
    return panel === null ? [] : [{ panel, sentence: `${words} ${format(peak(panel))}` }]
  })
  if (drawn.length === 0) return null
  const sentence = drawn.map((one) => one.sentence).join(', ')
  return {
    name: options.name,
    title: `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`,
    subtitle: options.subtitle,
    panels: drawn.map((one) => one.panel),
  }
}

function formatWhole(value: number): string {
  return formatCount(Math.round(value))
}

/** Above this the driver, not the target, may explain a slow answer. */
const SEND_DELAY_NOTABLE_US = 1_000

export function sendDelayChart(view: StudyView, limit: number): ChartSpec | null {
  const panel = overlayPanel(view, { metric: 'sendDelay.p99Us', scale: 'log', limit })
  if (panel === null) return null
  const delays = view.targets.flatMap((target) =>
    (target.shown?.measured.steps ?? [])
      .filter((step) => step.kind === 'measure')
      .flatMap((step) => (step.sendDelayUs === null ? [] : [asNumber(step.sendDelayUs.p99)])),
  )
  const worst = delays.length === 0 ? peak(panel) : largest(delays, 0)
  const within = `99 % of events left within ${formatDurationUs(worst)} of their due time`
  return {
    name: 'send-delay',
    title:
      worst <= SEND_DELAY_NOTABLE_US
        ? `The driver kept its schedule: ${within}`
        : `The driver was late: ${within} at worst, and that is part of the latency above`,
    subtitle:
      'p99 of each second, from due to handed to a socket: the driver’s own guilt, included in every latency on this page.',
    panels: [panel],
  }
}

function overlayPanel(view: StudyView, options: OverlayOptions): Panel | null {
  const lines = view.targets.flatMap((target) => overlayLines(view, target, options))
  const metric = findMetric(options.metric)
  if (lines.length === 0 || metric === undefined) return null
  const values = valuesOf(lines)
  const all = levelsOf(view, options.metric)
  const levels = levelsWithin(all, largest(values, 0))
  const range = options.scale === 'log' ? logRange(values, levels) : linearRange(values, levels)
  const measured = view.targets.flatMap(({ shown }) => (shown === null ? [] : [shown.measured]))
  return {
    title: null,
    ink: null,
    stacked: false,
    x: timeAxis(measured),
    y: { title: metric.title, unit: metric.unit, ticks: null, ...range },
    lines,
    levels,
    marks: [],
    bands: [],
  }
}

function overlayLines(
  view: StudyView,
  target: StudyView['targets'][number],
  options: OverlayOptions,
): readonly Line[] {
  if (target.shown === null) return []
  const instances = instancesOf(seriesOf(view, target.shown.run), options.metric)
  const short = instances.map(({ label }) => shortName(label ?? ''))
  const isDistinct = new Set(short).size === short.length
  return instances.map((instance, i) =>
    lineOf(instance.points, {
      label:
        instances.length > 1 && instance.label !== null
          ? `${target.name} · ${isDistinct ? (short[i] ?? '') : instance.label}`
          : target.name,
      ink: target.ink,
      style: styleOf(i),
      labelled: true,
      limit: options.limit,
    }),
  )
}

/** `clickhouse.events_raw` is mostly the only store of its engine: then the engine names it. */
function shortName(store: string): string {
  return store.split('.')[0] ?? store
}

function highestLine(panel: Panel): { readonly label: string; readonly highest: number } | null {
  const tops = panel.lines.map((line) => ({
    label: line.label,
    highest: largest(valuesOf([line]), 0),
  }))
  return tops.toSorted((a, b) => b.highest - a.highest)[0] ?? null
}

function peak(panel: Panel): number {
  return largest(valuesOf(panel.lines), 0)
}

function asNumber(quantile: number | 'infinite'): number {
  return quantile === 'infinite' ? Infinity : quantile
}
