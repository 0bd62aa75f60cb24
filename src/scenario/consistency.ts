/**
 * What a scenario's fields must say together. In: a scenario whose single fields are right, and its folder. Out: every
 * contradiction with its path and a remedy; an empty list when it can be run.
 */
import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Metric } from '../collect/metrics.ts'
import { METRICS, findMetric, parseMetricKey } from '../collect/metrics.ts'
import { suggest } from '../kit/nearest.ts'
import type { Path } from '../kit/schema-outline.ts'
import type { Finding } from '../kit/yaml-door.ts'
import { ENTITY_QUERY } from '../shapes/entity-write.ts'
import { shapes } from '../shapes/registry.ts'
import { faultFindings } from './fault-findings.ts'
import type { Scenario, Slo } from './scenario.ts'
import { shapeFindings } from './shape-findings.ts'

/** One event loop holds about 40,000 requests a second (2 cores, November 2026); nothing single holds this many. */
const REQUESTS_PER_S_MAX = 200_000
/** Indexes from 2^40 on belong to preloaded rows (shapes/stream.ts). */
const EVENTS_MAX = 2 ** 40
/** What services accept as one body. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024

export function scenarioFindings(scenario: Scenario, dir: string): readonly Finding[] {
  return [
    ...phaseFindings(scenario),
    ...rateFindings(scenario),
    ...sizeFindings(scenario),
    ...scenario.slos.flatMap((slo, index) => sloFindings(slo, index, scenario)),
    ...queryFindings(scenario),
    ...recordedFindings(scenario, dir),
    ...shapeFindings(scenario),
    ...faultFindings(scenario),
  ]
}

function phaseFindings({ rate, phases }: Scenario): readonly Finding[] {
  const ownLength = rate.kind === 'steps' || rate.kind === 'recorded'
  const findings: Finding[] = []
  if (!ownLength && phases.measureS === undefined) {
    findings.push({
      path: ['phases', 'measureS'],
      message: `measureS is missing: a ${rate.kind} rate has no end of its own`,
      remedy: 'add phases.measureS, the seconds to measure',
    })
  }
  if (ownLength && phases.measureS !== undefined) {
    const from = rate.kind === 'steps' ? 'the number of steps times stepS' : 'the recorded file'
    findings.push({
      path: ['phases', 'measureS'],
      message: `measureS has no effect with a ${rate.kind} rate`,
      remedy: `remove it: the length follows from ${from}`,
    })
  }
  if (phases.warmupS === 0 && phases.warmupPerS !== undefined) {
    findings.push({
      path: ['phases', 'warmupPerS'],
      message: 'warmupPerS has no effect without a warm-up',
      remedy: 'remove it, or give warmupS more than 0 seconds',
    })
  }
  return findings
}

function rateFindings({ rate, phases, stop, slos }: Scenario): readonly Finding[] {
  const findings: Finding[] = []
  if (rate.kind === 'spike') {
    if (rate.peakPerS <= rate.basePerS) {
      findings.push({
        path: ['rate', 'peakPerS'],
        message: `a peak of ${String(rate.peakPerS)} events/s is no spike over ${String(rate.basePerS)}`,
        remedy: 'give peakPerS more than basePerS',
      })
    }
    if (phases.measureS !== undefined && rate.atS + rate.lengthS > phases.measureS) {
      findings.push({
        path: ['rate', 'atS'],
        message: `the spike ends after ${String(rate.atS + rate.lengthS)} s, the measured phase after ${String(phases.measureS)} s`,
        remedy: 'let atS + lengthS end before phases.measureS',
      })
    }
  }
  if (stop === 'at-first-broken-slo') {
    if (slos.length === 0) {
      findings.push({
        path: ['stop'],
        message: 'at-first-broken-slo needs an SLO that can break',
        remedy: 'add slos, or write stop: at-end',
      })
    }
    if (rate.kind === 'steps' && !isAscending(rate.ratesPerS)) {
      findings.push({
        path: ['rate', 'ratesPerS'],
        message: 'the steps of a search for the first broken SLO must rise',
        remedy: 'sort ratesPerS from small to large, or write stop: at-end',
      })
    }
  }
  return findings
}

function sizeFindings(scenario: Scenario): readonly Finding[] {
  const { batchEvents, events, connections, inFlightRequestsMax } = scenario
  const findings: Finding[] = []
  const { path, perS } = highestRate(scenario)
  const requestsPerS = perS / batchEvents
  if (requestsPerS > REQUESTS_PER_S_MAX) {
    findings.push({
      path,
      message: `${perS.toLocaleString('en-US')} events/s in batches of ${String(batchEvents)} are ${Math.round(requestsPerS).toLocaleString('en-US')} requests/s: no single machine sends that`,
      remedy: `lower the rate, or raise batchEvents to at least ${String(Math.ceil(perS / REQUESTS_PER_S_MAX))}`,
    })
  }
  const seconds =
    scenario.phases.measureS ?? (scenario.rate.kind === 'steps' ? stepsS(scenario.rate) : 0)
  if (perS * seconds > EVENTS_MAX) {
    findings.push({
      path,
      message: 'more than 2^40 events would become due',
      remedy: 'lower the rate or shorten the measured phase',
    })
  }
  const requestBytes = batchEvents * events.payloadBytes
  if (requestBytes > REQUEST_BYTES_MAX) {
    findings.push({
      path: ['batchEvents'],
      message: `one request would carry ${String(Math.round(requestBytes / 2 ** 20))} MiB`,
      remedy: `use at most ${String(Math.floor(REQUEST_BYTES_MAX / events.payloadBytes))} events of ${String(events.payloadBytes)} bytes`,
    })
  }
  if (inFlightRequestsMax < connections) {
    findings.push({
      path: ['inFlightRequestsMax'],
      message: `${String(inFlightRequestsMax)} requests in flight leave some of ${String(connections)} connections without work`,
      remedy: 'give inFlightRequestsMax at least the number of connections',
    })
  }
  if (events.duplicateRatio === 1) {
    findings.push({
      path: ['events', 'duplicateRatio'],
      message: 'every event would repeat an earlier one, and there is no first',
      remedy: 'use less than 1',
    })
  }
  return findings
}

function sloFindings(slo: Slo, index: number, { rate, queries }: Scenario): readonly Finding[] {
  const path = ['slos', index, 'metric']
  const metric = findMetric(slo.metric)
  const { id, label } = parseMetricKey(slo.metric)
  if (metric === undefined) {
    const known = METRICS.filter(({ better }) => better === 'less').map((entry) => entry.id)
    return [{ path, message: `no metric is called "${id}"`, remedy: suggest(id, known) }]
  }
  const findings: Finding[] = []
  if (metric.label !== null && label === null) {
    findings.push({
      path,
      message: `${id} has one value per ${metric.label}`,
      remedy: `say which, for example "${id}{${metric.label === 'query' ? 'Q1' : metric.label}}"`,
    })
  }
  if (metric.better === 'more') {
    findings.push({
      path,
      message: `${id} is better when it is higher: a maximum says nothing`,
      remedy: 'use a metric of which less is better, for example latency.p99Us',
    })
  }
  if (rate.kind === 'steps' && slo.windowS > rate.stepS) {
    findings.push({
      path: ['slos', index, 'windowS'],
      message: `no step of ${String(rate.stepS)} s holds a window of ${String(slo.windowS)} s`,
      remedy: 'give windowS at most rate.stepS',
    })
  }
  return label === null
    ? findings
    : [...findings, ...labelFindings({ metric, label, path }, queries)]
}

function labelFindings(
  { metric, label, path }: { readonly metric: Metric; readonly label: string; readonly path: Path },
  queries: Scenario['queries'],
): readonly Finding[] {
  if (metric.label === null) {
    const remedy = `write ${metric.id} without {${label}}`
    return [{ path, message: `${metric.id} has no instances`, remedy }]
  }
  if (metric.label !== 'query' || queries.some(({ name }) => name === label)) return []
  const remedy = `add { name: ${label}, everyS: 1 } to queries`
  return [{ path, message: `the scenario never asks query ${label}`, remedy }]
}

function queryFindings({ queries, shape }: Scenario): readonly Finding[] {
  const entities = queries.findIndex(({ name }) => name === ENTITY_QUERY)
  const isUnfit = shapes[shape].entityWrite === undefined && entities >= 0
  const unfit = {
    path: ['queries', entities, 'name'],
    message: `${shape} events are about no entity that could be read`,
    remedy: 'remove it, or write shape: eav',
  }
  const twice = queries.flatMap(({ name }, index) =>
    queries.findIndex((other) => other.name === name) < index
      ? [
          {
            path: ['queries', index, 'name'],
            message: `${name} is listed twice`,
            remedy: 'keep one of the two',
          },
        ]
      : [],
  )
  return isUnfit ? [...twice, unfit] : twice
}

function recordedFindings({ rate }: Scenario, dir: string): readonly Finding[] {
  if (rate.kind !== 'recorded') return []
  const file = resolve(dir, rate.file)
  const problem = unreadable(file)
  return problem === null
    ? []
    : [
        {
          path: ['rate', 'file'],
          message: `${file} ${problem}`,
          remedy: 'give the path of your recorded events, relative to the scenario file',
        },
      ]
}

function unreadable(file: string): string | null {
  try {
    accessSync(file, constants.R_OK)
    const stats = statSync(file)
    if (!stats.isFile()) return 'is not a file'
    return stats.size === 0 ? 'is empty' : null
  } catch (error) {
    return (error as { readonly code?: unknown }).code === 'EACCES'
      ? 'may not be read'
      : 'does not exist'
  }
}

function highestRate({ rate }: Scenario): {
  readonly path: readonly string[]
  readonly perS: number
} {
  switch (rate.kind) {
    case 'constant':
      return { path: ['rate', 'ratePerS'], perS: rate.ratePerS }
    case 'steps':
      return { path: ['rate', 'ratesPerS'], perS: Math.max(...rate.ratesPerS) }
    case 'ramp':
      return { path: ['rate', 'toPerS'], perS: Math.max(rate.fromPerS, rate.toPerS) }
    case 'spike':
      return { path: ['rate', 'peakPerS'], perS: rate.peakPerS }
    case 'recorded':
      return { path: ['rate', 'pace'], perS: rate.pace.kind === 'rate' ? rate.pace.ratePerS : 0 }
  }
}

function stepsS(rate: Extract<Scenario['rate'], { kind: 'steps' }>): number {
  return rate.ratesPerS.length * rate.stepS
}

function isAscending(rates: readonly number[]): boolean {
  return rates.every((rate, index) => rate > (rates[index - 1] ?? 0))
}
