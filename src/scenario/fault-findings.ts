/** What the faults of a scenario must say together. In: a scenario. Out: every contradiction with its path and a remedy. */
import { METRICS, findMetric, parseMetricKey } from '../collect/metrics.ts'
import { suggest } from '../kit/nearest.ts'
import type { Finding } from '../kit/yaml-door.ts'
import type { Fault } from './fault.ts'
import { latestS } from './fault.ts'
import type { Scenario } from './scenario.ts'

/** What is compared with: nothing can be said of a recovery from a state that was never seen. */
const CALM_BEFORE_S = 2

export function faultFindings({ faults, phases, rate, stop }: Scenario): readonly Finding[] {
  if (faults.length === 0) return []
  // A recorded file has its own end, which is known when it has been read.
  const measureS =
    rate.kind === 'steps' ? rate.ratesPerS.length * rate.stepS : (phases.measureS ?? Infinity)
  return [
    ...faults.flatMap((fault, at) => spanFindings(fault, at, measureS)),
    ...faults.flatMap((fault, at) => overlapFindings(faults, fault, at)),
    ...faults.flatMap(restoreFindings),
    ...faults.flatMap(symptomFindings),
    ...(stop === 'at-end'
      ? []
      : [
          {
            path: ['stop'],
            message: 'a fault breaks SLOs, and the run would end before it recovers',
            remedy: 'write stop: at-end',
          },
        ]),
  ]
}

function spanFindings(fault: Fault, at: number, measureS: number): readonly Finding[] {
  const findings: Finding[] = []
  const firstS = typeof fault.atS === 'number' ? fault.atS : Math.min(...fault.atS)
  if (typeof fault.atS !== 'number' && fault.atS[0] > fault.atS[1]) {
    findings.push({
      path: ['faults', at, 'atS'],
      message: `the fault begins between ${String(fault.atS[0])} and ${String(fault.atS[1])} s: the second is the earlier`,
      remedy: 'write the earlier moment first',
    })
  }
  if (firstS < CALM_BEFORE_S) {
    findings.push({
      path: ['faults', at, 'atS'],
      message: `a fault after ${String(firstS)} s leaves nothing to compare with`,
      remedy: `let it begin ${String(CALM_BEFORE_S)} s after the measured phase or later`,
    })
  }
  const endsS = latestS(fault) + fault.lengthS
  if (endsS >= measureS) {
    findings.push({
      path: ['faults', at, 'lengthS'],
      message: `the fault ends after ${String(endsS)} s, the measured phase after ${String(measureS)} s`,
      remedy: 'leave time to recover: lengthen the measured phase or shorten the fault',
    })
  }
  return findings
}

function restoreFindings(fault: Fault, at: number): readonly Finding[] {
  if (fault.kind !== 'restore') return []
  const path = ['faults', at, 'begin']
  if (fault.to === 'point' && fault.begin === undefined) {
    const message = 'there is nothing to take back: no accident is named'
    return [
      { path, message, remedy: 'give begin, the SQL of the accident, or write to: archive-end' },
    ]
  }
  if (fault.to === 'archive-end' && fault.begin !== undefined) {
    const message = 'begin has no effect where a disk is lost'
    return [{ path, message, remedy: 'remove it, or write to: point' }]
  }
  return []
}

/** What rises with a fault and goes back: a gauge of which less is better. */
function symptomFindings({ symptom }: Fault, at: number): readonly Finding[] {
  if (symptom === undefined) return []
  const path = ['faults', at, 'symptom']
  const { id, label } = parseMetricKey(symptom)
  const metric = findMetric(id)
  if (metric === undefined) {
    const known = METRICS.filter(({ better, kind }) => better === 'less' && kind === 'gauge')
    const remedy = suggest(
      id,
      known.map((one) => one.id),
    )
    return [{ path, message: `no metric is called "${id}"`, remedy }]
  }
  const remedy = 'use a gauge of which less is better, for example slot.lagBytes'
  if (metric.kind === 'counter') {
    return [{ path, message: `${id} only ever grows: it is never back`, remedy }]
  }
  if (metric.better !== 'less') {
    return [{ path, message: `${id} is no symptom: less of it is not better`, remedy }]
  }
  if (label !== null && metric.label === null) {
    const without = `write ${id} without {${label}}`
    return [{ path, message: `${id} has no instances`, remedy: without }]
  }
  return []
}

/**
 * Two faults of one part at a time have no meaning: a killed process cannot be thawed. Nor have two that one script ends:
 * the first end takes back what the other began.
 */
function overlapFindings(faults: readonly Fault[], fault: Fault, at: number): readonly Finding[] {
  const ended = whatEnds(fault)
  if (ended === null) return []
  const earlier = faults.slice(0, at).find((other) => {
    if (whatEnds(other)?.key !== ended.key) return false
    const [a, b] = [spanOf(other), spanOf(fault)]
    return a.fromS < b.toS && b.fromS < a.toS
  })
  if (earlier === undefined) return []
  return [
    {
      path: ['faults', at, 'atS'],
      message: `two faults ${ended.words} overlap`,
      remedy: 'let one end before the other begins',
    },
  ]
}

function spanOf(fault: Fault): { readonly fromS: number; readonly toS: number } {
  const fromS = typeof fault.atS === 'number' ? fault.atS : Math.min(...fault.atS)
  return { fromS, toS: latestS(fault) + fault.lengthS }
}

interface Ended {
  /** Of two faults that cannot go on beside each other it is the same. */
  readonly key: string
  readonly words: string
}

function whatEnds(fault: Fault): Ended | null {
  switch (fault.kind) {
    case 'kill':
    case 'freeze':
      return { key: `part ${fault.part}`, words: `of ${fault.part}` }
    case 'statements': {
      if (fault.end === undefined) return null
      const end = [fault.end].flat().map((statement) => statement.trim())
      return {
        key: JSON.stringify([fault.role, end]),
        words: `of ${fault.role} that end with the same statements`,
      }
    }
    case 'pause':
    case 'session':
    case 'restore':
      return null
  }
}
