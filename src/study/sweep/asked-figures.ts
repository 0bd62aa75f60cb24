/**
 * The figures that a sweep's file asks for. In: metric keys as they were written. Out: figures with all that was left to
 * the metric filled in, or what is wrong with them.
 */
import { METRICS, findMetric, parseMetricKey } from '../../collect/metrics.ts'
import { takesOf } from '../../judge/metric-figure.ts'
import { isOfEverySweep } from '../../judge/swept.ts'
import { suggest } from '../../kit/nearest.ts'
import type { Finding } from '../../kit/yaml-door.ts'
import type { SweepFigure } from '../../results/sweep-record.ts'
import type { FigureInFile } from './sweep-file.ts'

const AN_INSTANCE: Readonly<Record<string, string>> = { query: 'Q1', part: 'service' }

/** What is right: `figureFindings` has nothing against it. */
export function figureOf(written: FigureInFile): SweepFigure {
  const { metric, of, better } = wordsOf(written)
  const found = findMetric(metric)
  const [first] = takesOf(metric)
  if (found === undefined || first === undefined) throw new Error(`${metric} was not checked`)
  return { metric, of: of ?? first, better: better ?? found.better }
}

export function figureFindings(figures: readonly FigureInFile[]): readonly Finding[] {
  const seen = new Set<string>()
  return figures.flatMap((written, at): readonly Finding[] => {
    const finding = wrongWith(written)
    if (finding !== null) {
      const path = ['figures', at, ...(typeof written === 'string' ? [] : [finding.field])]
      return [{ path, message: finding.message, remedy: finding.remedy }]
    }
    const { metric, of } = figureOf(written)
    const name = `${metric} ${of}`
    if (seen.has(name)) {
      return [{ path: ['figures', at], message: `${name} stands twice`, remedy: 'keep one' }]
    }
    seen.add(name)
    return []
  })
}

/** Figures of queries that the scenario does not ask: no run could know them. */
export function unaskedQueries(
  figures: readonly SweepFigure[],
  asked: readonly string[],
): readonly Finding[] {
  return figures.flatMap(({ metric }, at) => {
    const { id, label } = parseMetricKey(metric)
    // What is labelled with a store is no query's: the planning time that a probe takes.
    const ofQuery = findMetric(metric)?.label === 'query' || takesOf(metric)[0] === 'last'
    if (!id.startsWith('query.') || !ofQuery || label === null || asked.includes(label)) return []
    return [
      {
        path: ['figures', at],
        message: `no point of the sweep is asked ${label}`,
        remedy:
          asked.length === 0
            ? 'its scenario has no queries: name one that does'
            : `asked: ${asked.join(', ')}`,
      },
    ]
  })
}

interface Wrong {
  readonly field: 'metric' | 'of'
  readonly message: string
  readonly remedy: string
}

function wrongWith(written: FigureInFile): Wrong | null {
  const { metric, of } = wordsOf(written)
  const { id, label } = parseMetricKey(metric)
  const found = findMetric(metric)
  if (found === undefined) {
    const known = METRICS.map((entry) => entry.id)
    return { field: 'metric', message: `no metric is called "${id}"`, remedy: suggest(id, known) }
  }
  if (found.label === null && label !== null) {
    return { field: 'metric', message: `${id} has no label`, remedy: `write ${id}` }
  }
  if (found.label !== null && label === null) {
    const example = AN_INSTANCE[found.label] ?? found.label
    const remedy = `say which, for example '${id}{${example}}'`
    return { field: 'metric', message: `${id} has one value per ${found.label}`, remedy }
  }
  const takes = takesOf(metric)
  if (of !== undefined && !takes.includes(of)) {
    const remedy = `known: ${takes.join(', ')}`
    return { field: 'of', message: `a run does not keep "${of}" of ${id}`, remedy }
  }
  if (!isOfEverySweep({ metric, of: of ?? takes[0] ?? 'mean' })) return null
  const message = `every sweep is compared by ${id} already`
  return { field: 'metric', message, remedy: 'leave it out' }
}

function wordsOf(written: FigureInFile): Exclude<FigureInFile, string> {
  return typeof written === 'string' ? { metric: written } : written
}
