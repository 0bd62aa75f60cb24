/**
 * What a scenario's faults did to a target. In: its runs. Out: every fault of every round, and the sentence over them: what
 * clients noticed, whether it came back, what was lost of what had been acknowledged.
 */
import { findMetric } from '../collect/metrics.ts'
import { formatCount, formatDurationMs, formatQuantity } from '../kit/units.ts'
import type { Audit } from '../results/audit-record.ts'
import type { FaultSeen, SymptomSeen } from '../results/fault-record.ts'
import type { RunRecord } from '../results/record.ts'

export interface FaultFindings {
  readonly round: number
  readonly seen: FaultSeen
  /** Of a restore, by store that one took from: lost in the run, and of these what nothing excuses; null: not audited. */
  readonly lost: readonly LostInStore[] | null
}

interface LostInStore {
  readonly store: string
  readonly events: number
  readonly beyondEvents: number
}

export function faultFindings(runs: readonly RunRecord[]): readonly FaultFindings[] {
  return runs.flatMap(({ round, outcome }) => {
    const measured = outcome.state === 'failed' ? null : outcome.measured
    const lost = outcome.state === 'failed' ? null : lostInRestores(outcome.audit)
    return (measured?.faults ?? []).map((seen) => ({
      round,
      seen,
      lost: seen.restored === undefined ? null : lost,
    }))
  })
}

function lostInRestores(audit: Audit | null): FaultFindings['lost'] {
  const stores = (audit?.stores ?? []).filter(({ restored }) =>
    restored?.restores.some(({ killed }) => killed === undefined),
  )
  if (stores.length === 0) return null
  return stores.map(({ store, lostEvents, restored }) => ({
    store,
    events: lostEvents,
    beyondEvents: restored?.beyondEvents ?? 0,
  }))
}

/** What a restore had to bring back, and what was lost; null for other faults. */
export function boundInWords({ seen, lost }: FaultFindings): string | null {
  const { restored } = seen
  if (restored === undefined) return null
  const until = formatDurationMs(Math.max(0, restored.keptUntilMs))
  const bound = `restored up to ${restored.upTo}: nothing acknowledged in the run’s first ${until} may be missing`
  if (lost === null) return `${bound}; not audited`
  const where = (store: string): string => (lost.length > 1 ? ` in ${store}` : '')
  const counts = lost.map(({ store, events, beyondEvents }) => {
    const within = `${formatCount(events - beyondEvents)} lost within that bound${where(store)}`
    return beyondEvents === 0
      ? within
      : `${within}, and ${formatCount(beyondEvents)} that it does not allow`
  })
  return `${bound}; ${counts.join('; ')}`
}

/**
 * Whether every second after it was calm again, its symptom gone, what was paused going on, and no store lagged more than
 * before. What is lost with a disk never becomes readable: there the audit says how much that is.
 */
export function cameBack({ kind, failed, notResumed, drainedMs, wholeMs }: FaultSeen): boolean {
  if (failed !== null || notResumed !== undefined) return false
  return wholeMs !== null && (drainedMs !== null || kind === 'restore')
}

/** `slot.lagBytes{cdc} rose from 2 MB to 210 MB, seen after 2 s, back 3 s after its end`. */
export function symptomInWords({
  metric,
  before,
  highest,
  noticedMs,
  backMs,
}: SymptomSeen): string {
  if (highest === null) return `nobody saw ${metric}`
  const say = (value: number): string => formatQuantity(value, findMetric(metric)?.unit ?? '')
  if (noticedMs === null) return `${metric} did not rise above the usual (${say(highest)})`
  const rose = `${metric} rose from ${say(before ?? 0)} to ${say(highest)}`
  const back =
    backMs === null
      ? 'not back within the run'
      : backMs === 0
        ? 'back at once'
        : `back ${formatDurationMs(backMs)} after its end`
  return `${rose}, seen after ${formatDurationMs(noticedMs)}, ${back}`
}

/** @param lostEvents over every audited run; null: none was audited */
export function faultsInWords(
  target: string,
  faults: readonly FaultFindings[],
  lostEvents: number | null,
): string {
  const names = [...new Set(faults.map(({ seen }) => seen.name))]
  const words = names.map((name) => {
    const all = faults.filter(({ seen }) => seen.name === name).map(({ seen }) => seen)
    return `${name}: ${oneInWords(all)}`
  })
  return `${target} met ${words.join('; ')}; ${lostInWords(lostEvents)}.`
}

/** The worst of all rounds. */
function oneInWords(all: readonly FaultSeen[]): string {
  const failed = all.find((seen) => seen.failed !== null)
  if (failed !== undefined) return `could not be put (${failed.failed ?? ''})`
  const refused = Math.max(...all.map(({ notAcceptedEvents }) => notAcceptedEvents))
  const also = [...symptomOf(all), ...notResumedIn(all)].map((words) => `, ${words}`).join('')
  const noticed = all.some(({ noticedMs }) => noticedMs !== null)
  if (!noticed && refused === 0) return `clients noticed nothing${also}`
  const cost =
    refused === 0
      ? 'every event was accepted, late'
      : `about ${formatCount(refused)} ${refused === 1 ? 'event was' : 'events were'} not accepted`
  return `${cost}, ${backInWords(all)}${also}`
}

/** The round in which it was back last, or never. */
function symptomOf(all: readonly FaultSeen[]): readonly string[] {
  const [worst] = all
    .flatMap(({ symptom }) => symptom ?? [])
    .toSorted((a, b) => (b.backMs ?? Infinity) - (a.backMs ?? Infinity))
  return worst === undefined ? [] : [symptomInWords(worst)]
}

function notResumedIn(all: readonly FaultSeen[]): readonly string[] {
  const because = all.find(({ notResumed }) => notResumed !== undefined)?.notResumed
  return because === undefined ? [] : [`and what was paused could not go on (${because})`]
}

function backInWords(all: readonly FaultSeen[]): string {
  if (!all.every(cameBack)) return 'it was not as before within the run'
  const backMs = Math.max(
    ...all.map(({ drainedMs, wholeMs }) => Math.max(drainedMs ?? 0, wholeMs ?? 0)),
  )
  return backMs === 0
    ? 'it was as before at once'
    : `it was as before ${formatDurationMs(backMs)} later`
}

function lostInWords(lostEvents: number | null): string {
  if (lostEvents === null) return 'what was lost is not known: no run was audited'
  if (lostEvents === 0) return 'nothing that was acknowledged was lost'
  return `${formatCount(lostEvents)} acknowledged ${lostEvents === 1 ? 'event was' : 'events were'} lost`
}

/** Over all targets; null where no fault was put. */
export function faultVerdict(
  targets: readonly {
    readonly target: string
    readonly faults: readonly FaultFindings[]
    readonly auditPassed: boolean
  }[],
): string | null {
  if (targets.every(({ faults }) => faults.length === 0)) return null
  const groups = [
    ['came back from every fault and kept every promise', (one: Met) => one.back && one.kept],
    [
      'kept every promise and was not as before when the run ended',
      (one: Met) => !one.back && one.kept,
    ],
    ['broke a promise', (one: Met) => !one.kept],
  ] as const
  const met = targets.map(({ target, faults, auditPassed }) => ({
    target,
    back: faults.length > 0 && faults.every(({ seen }) => cameBack(seen)),
    kept: auditPassed,
  }))
  const sentences = groups.flatMap(([words, isOne]) => {
    const names = met.filter(isOne).map(({ target }) => target)
    return names.length === 0 ? [] : [`${names.join(', ')} ${words}`]
  })
  return `${sentences.join('; ')}.`
}

interface Met {
  readonly back: boolean
  readonly kept: boolean
}
