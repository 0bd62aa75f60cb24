/**
 * What a broken step shows of everything that could have been its limit and was not seen to be. In: a round and its step.
 * Out: figures in words, so that a limit not identified still says where nobody has to look again.
 */
import { coincidenceInWords, coincidenceOf } from '../collect/query-overlap.ts'
import { parseMetricKey } from '../collect/metrics.ts'
import { formatDurationUs, formatNumber, formatRatio } from '../kit/units.ts'
import type { Step } from '../results/record.ts'
import type { Round } from './evidence.ts'
import { unseenHere } from './unseen-here.ts'

/** Parts that used less are not worth a word. */
const CORES_MIN = 0.05

/**
 * Empty where nothing was sampled.
 * @param about the step that broke, and every measured step of the target's rounds
 */
export function ruledOutInWords(
  round: Round,
  about: { readonly step: Step; readonly all: readonly Step[] },
): string {
  const { step } = about
  return [
    partsInWords(round, step),
    longestWaitInWords(step),
    diskInWords(step),
    driverInWords(step),
    queriesInWords(about),
  ]
    .filter((words) => words !== '')
    .join('; ')
}

function partsInWords(round: Round, { metrics }: Step): string {
  const parts = labelled(metrics, 'cpu.cores').filter(({ value }) => value >= CORES_MIN)
  if (parts.length === 0) return ''
  const used = parts.map(({ label, value }) => `${label} ${formatNumber(value)}`).join(', ')
  const idle = metrics['machine.idleCores']
  const foreign = metrics['machine.foreignCores'] ?? 0
  const unseen = unseenHere(round)
  const own =
    unseen.length === 0 || foreign < CORES_MIN
      ? ''
      : `, foreign ${formatNumber(foreign)}, which may be ${unseen.join(' and ')}`
  const left = `${own}${idle === undefined ? '' : `, idle ${formatNumber(idle)}`}`
  return `of ${formatNumber(round.run.machine.cores)} cores ${used}${left}`
}

/** A session that waits for its client waits for nothing of the engine. */
function longestWaitInWords({ metrics }: Step): string {
  const [longest] = labelled(metrics, 'waits.sessions').filter(
    ({ label }) => !/^(Client|Activity|Extension|Timeout):/.test(label),
  )
  if (longest === undefined) return ''
  return `the longest queue in an engine was ${formatNumber(longest.value)} sessions (${longest.label})`
}

function diskInWords({ metrics }: Step): string {
  const waiting = metrics['machine.iowaitCores']
  if (waiting === undefined) return ''
  return `${formatNumber(waiting)} cores waited for the disk`
}

function driverInWords({ sendDelayUs, waitedRatio }: Step): string {
  const delay = sendDelayUs?.p99
  const waited = `${formatRatio(waitedRatio)} of requests waited for a connection`
  return delay === undefined
    ? waited
    : `the driver sent within ${formatDurationUs(delay)} (p99), ${waited}`
}

function queriesInWords({
  step,
  all,
}: {
  readonly step: Step
  readonly all: readonly Step[]
}): string {
  const found = coincidenceOf(step, all)
  if (found !== null) return `${coincidenceInWords(found)}, which proves nothing`
  const asked = labelled(step.metrics, 'query.seconds').map(({ label }) => label)
  if (asked.length === 0) return ''
  return `whether ${asked.toSorted().join(', ')} ran whenever events were late is not known`
}

/** Largest first. */
function labelled(
  metrics: Step['metrics'],
  id: string,
): readonly { readonly label: string; readonly value: number }[] {
  return Object.entries(metrics)
    .flatMap(([key, value]) => {
      const parsed = parseMetricKey(key)
      return parsed.id === id && parsed.label !== null ? [{ label: parsed.label, value }] : []
    })
    .toSorted((a, b) => b.value - a.value)
}
