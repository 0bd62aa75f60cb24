/** Counts of an audit and a promise in, a verdict and the sentence for the report out. */
import type { StorePromise } from '../architecture/architecture.ts'
import { formatDurationMs } from '../kit/units.ts'
import type { StoreAudit } from '../results/audit-record.ts'
import type { Restore } from './restores.ts'

/** Ordered from harmless to worst, as `survives` is. */
export type WorstFault = 'none' | 'process-kill' | 'power-loss' | 'node-loss'

const FAULT_RANK = { none: 0, 'process-kill': 1, 'power-loss': 2, 'node-loss': 3 } as const
const SURVIVES_RANK = { nothing: 0, 'process-kill': 1, 'power-loss': 2, 'node-loss': 3 } as const

type Counts = Pick<
  StoreAudit,
  | 'lostEvents'
  | 'duplicatedRows'
  | 'duplicatedReadable'
  | 'foreignRows'
  | 'divergedEvents'
  | 'preloadedRowsExpected'
  | 'preloadedRowsFound'
  | 'value64SumExpected'
  | 'value64SumStored'
>

/**
 * What was promised against what was really broken: a store that is lost with one part loses nothing with another, and
 * a death that the promise does not name explains no loss.
 * @param broken names of the parts that were killed, or whose disk was lost
 */
export function promisedAgainst(
  promises: readonly StorePromise[],
  broken: readonly string[],
): readonly StorePromise[] {
  return promises.map((promise) => {
    const { lostWith = [], survives } = promise
    const isSpared = !lostWith.some((part) => broken.includes(part))
    return isSpared && survives === 'nothing' ? { ...promise, survives: 'process-kill' } : promise
  })
}

export interface PromiseContext {
  readonly promise: StorePromise
  readonly worstFault: WorstFault
  /** What restores and deaths excuse, and how many lost events none does. Absent: nothing is known of them. */
  readonly restored?: { readonly restores: readonly Restore[]; readonly beyondEvents: number }
  /** How the engine's own totals differ from the rows it gave out; null when they agree. */
  readonly disagreement: string | null
}

export function judgePromise(
  counts: Counts,
  context: PromiseContext,
): Pick<StoreAudit, 'verdict' | 'because'> {
  const broken = [
    ...brokenPromises(counts, context),
    ...(context.disagreement === null ? [] : [context.disagreement]),
  ]
  if (broken.length > 0) return { verdict: 'broken', because: `${broken.join('; ')}.` }
  const allowed = allowedDeviations(counts, context)
  if (allowed.length > 0) return { verdict: 'as-promised', because: `${allowed.join('; ')}.` }
  return { verdict: 'whole', because: 'Every acknowledged event is stored once and readable once.' }
}

/**
 * Loss is within the promise of a store that is written without an ack (at most once), and after a fault worse than
 * what acknowledged events survive. A store that survives a process kill may lose nothing while nothing worse happened.
 */
export function lossIsAllowed({
  promise,
  worstFault,
}: Pick<PromiseContext, 'promise' | 'worstFault'>): boolean {
  if (promise.delivery === 'at-most-once') return true
  return FAULT_RANK[worstFault] > SURVIVES_RANK[promise.survives]
}

/** Where it is known what faults excuse, that is the bound, and the rank of the worst of them is none. */
function unexcusedLosses(counts: Counts, context: PromiseContext): readonly [number, string] {
  const { promise, restored } = context
  if (promise.delivery === 'at-most-once') return [0, 'lost']
  // A store that survives the loss of its node needs no restore to keep what it holds.
  if (restored === undefined || promise.survives === 'node-loss')
    return [lossIsAllowed(context) ? 0 : counts.lostEvents, 'lost']
  return [
    restored.beyondEvents,
    `lost that no ${faultsOf(restored.restores)} excuses: not ${inWords(restored.restores)}`,
  ]
}

function missingPreloaded(counts: Counts): number {
  return counts.preloadedRowsExpected - counts.preloadedRowsFound
}

/** What was committed long before goes only where a death takes all that a store ever held. */
function preloadIsExcused({ promise, worstFault, restored }: PromiseContext): boolean {
  if (promise.survives !== 'nothing' || promise.emptied !== true) return false
  return restored === undefined
    ? worstFault !== 'none'
    : restored.restores.some(({ killed }) => killed !== undefined)
}

function faultsOf(restores: readonly Restore[]): string {
  const kinds = new Set(restores.map(({ killed }) => (killed === undefined ? 'restore' : 'death')))
  return [...kinds].join(' and no ')
}

/** Which answers each of them takes back. */
function inWords(restores: readonly Restore[]): string {
  return restores.map(spanInWords).join(' or ')
}

function spanInWords({ killed, upTo, keptUntilMs, lostUntilMs }: Restore): string {
  const [from, to] = [formatDurationMs(Math.max(0, keptUntilMs)), formatDurationMs(lostUntilMs)]
  return killed === undefined
    ? `acknowledged between ${from} and ${to} of the run (restored up to ${upTo})`
    : `acknowledged in the first ${to} of the run (${killed} died)`
}

function brokenPromises(counts: Counts, context: PromiseContext): string[] {
  const { duplicates } = context.promise
  const { lostEvents, duplicatedRows, duplicatedReadable, foreignRows, divergedEvents } = counts
  const [unexcused, lostHow] = unexcusedLosses(counts, context)
  const findings: readonly (readonly [number, string, string])[] = [
    [unexcused, 'acknowledged event', lostHow],
    [preloadIsExcused(context) ? 0 : missingPreloaded(counts), 'preloaded row', 'missing'],
    [
      duplicates === 'one-row' ? duplicatedRows : 0,
      'row',
      'stored again where one row is promised',
    ],
    [duplicates === 'kept' ? 0 : duplicatedReadable, 'event', 'readable more than once'],
    [foreignRows, 'row', 'that nobody was told is stored'],
    [divergedEvents, 'event', 'with another value than was sent'],
  ]
  const broken = findings
    .filter(([count]) => count > 0)
    .map(([count, noun, what]) => `${counted(count, noun)} ${what}`)
  const sumsDiffer = counts.value64SumExpected !== counts.value64SumStored
  const isComplete = lostEvents === 0 && missingPreloaded(counts) === 0
  if (broken.length === 0 && isComplete && sumsDiffer) {
    return ['the sums of values differ though the sets of events agree']
  }
  return broken
}

function allowedDeviations(counts: Counts, context: PromiseContext): string[] {
  const { promise } = context
  const allowed: string[] = []
  if (counts.lostEvents > 0) {
    const lost = counted(counts.lostEvents, 'acknowledged event')
    allowed.push(`${lost} lost, within the promise: ${whyAllowed(context)}`)
  }
  const missing = missingPreloaded(counts)
  if (missing > 0) {
    allowed.push(
      `${counted(missing, 'preloaded row')} gone, within the promise: no row survives a crash`,
    )
  }
  if (counts.duplicatedRows > 0) {
    const kept = promise.duplicates === 'kept' ? 'repeats are kept' : 'one of them is readable'
    allowed.push(
      `${counted(counts.duplicatedRows, 'row')} stored again, within the promise: ${kept}`,
    )
  }
  return allowed
}

function whyAllowed(context: PromiseContext): string {
  const { promise, worstFault, restored } = context
  if (promise.delivery === 'at-most-once') return 'the promise is at most once'
  if (restored === undefined || promise.survives === 'node-loss')
    return `survives ${promise.survives}, met ${worstFault}`
  return `all ${inWords(restored.restores)}`
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}
