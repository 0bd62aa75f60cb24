/** All charts of a report in the order of the page; one without data is left out. */
import { pointsPerLine } from '../series.ts'
import type { StudyView } from '../study-view.ts'
import { percentileChart, windowsChart } from './latency.ts'
import {
  backlogChart,
  freshnessChart,
  replicationChart,
  sendDelayChart,
  tableHealthChart,
} from './overlays.ts'
import { QUERY_LINES, queryChart } from './queries.ts'
import { rateChart } from './rate.ts'
import { cpuChart, walChart } from './resources.ts'
import type { ChartSpec } from './spec.ts'
import { sweepCharts } from './sweep.ts'

/** Lines with their own points that one target can bring: rates, p99, backlog, freshness, dead rows, horizon, parts, replicas and their breakers, slots, send delay. */
const LINES_PER_TARGET = 24

export function chartsOf(view: StudyView): readonly ChartSpec[] {
  const limit = pointsPerLine(view.targets.length * (LINES_PER_TARGET + QUERY_LINES))
  return [
    ...sweepCharts(view),
    percentileChart(view),
    rateChart(view, limit),
    windowsChart(view, limit),
    walChart(view),
    backlogChart(view, limit),
    freshnessChart(view, limit),
    queryChart(view, limit),
    cpuChart(view),
    tableHealthChart(view, limit),
    replicationChart(view, limit),
    sendDelayChart(view, limit),
  ].filter((chart) => chart !== null)
}
