/**
 * Who was the limit. In: the steps of a run, its parts and cores. Out: a name with the evidence in a sentence, or null where
 * nobody was seen at a limit. Each rule needs a figure of its own: better no name than a wrong one.
 */
import type { Part } from '../architecture/part.ts'
import { formatDurationUs, formatNumber, formatRate, formatRatio } from '../kit/units.ts'
import type { Quantile, SaturatedBy, Step } from '../results/record.ts'
import { eventsWereRefused } from './not-accepted.ts'
import { coincidenceInWords, coincidenceOf } from './query-overlap.ts'

export interface SaturationInput extends SaturationContext {
  /** All steps of the run, in order. */
  readonly steps: readonly Step[]
}

export interface SaturationContext {
  readonly parts: readonly Pick<Part, 'name' | 'kind' | 'coresMax'>[]
  readonly cores: number
  /** What answers on this machine without being seen: foreign CPU may be its work. */
  readonly unseenHere: readonly string[]
  readonly connections: number
  readonly batchEvents: number
}

export interface SaturationVerdict {
  readonly by: SaturatedBy
  readonly evidence: string
}

/** More than this and the load was no longer open loop (design.md, honesty rule 1). */
const WAITED_MAX_RATIO = 0.01
/** Sampled means of an event loop, or a quota, without rest stay a little below it. */
const FULL_RATIO = 0.9
/** What is left on a machine whose cores are all busy: sampling and scheduling never show a clean zero. */
const IDLE_MIN_RATIO = 0.05
/** A quarter of the machine for others is no longer our measurement. */
const FOREIGN_MAX_RATIO = 0.25
const STEAL_MAX_RATIO = 0.1
/** The driver is to blame when its own delay alone takes half of what the limit allows. */
const GUILTY_DELAY_RATIO = 0.5
/** Below this a driver's delay is no explanation for anything. */
const GUILTY_DELAY_MIN_US = 5_000
/** A queue that was there at the first rate already is not what grew. */
const GROWN_FACTOR = 2
/** Half of the cores waiting for the disk, or half of the time somebody waiting for it. */
const IO_BOUND_RATIO = 0.5
/** On average one session or more stood in one queue, all through the step. */
const WAITING_SESSIONS_MIN = 1

/** One step seen against the first measured one. */
interface Case {
  readonly step: Step
  /** Every measured step of the run, this one too. */
  readonly measured: readonly Step[]
  readonly first: Step
  readonly context: SaturationContext
  readonly at: string
}

type Rule = (subject: Case) => SaturationVerdict | null

/** In this order: whatever spoils the measurement comes before what it measures. */
const RULES: readonly Rule[] = [
  eventsWereRefused,
  driverWasSlow,
  engineRefused,
  connectionsWereFew,
  machineWasShared,
  serviceTookAllCores,
  engineWaited,
  engineTookAllCores,
  noCoreWasIdle,
  queriesRan,
]
/** These spoil a step even where it kept its limits. A driver's lateness does not: latencies contain it. */
const SPOILING_RULES: readonly Rule[] = [connectionsWereFew]

/** Looks at the first step that broke a limit; where none did, only at what makes figures worthless. */
export function saturation(input: SaturationInput): SaturationVerdict | null {
  const { steps, ...context } = input
  const measured = steps.filter((step) => step.kind === 'measure')
  const [first] = measured
  if (first === undefined) return null
  const broken = measured.find((step) => step.brokenSlo !== null)
  const spoiled = firstVerdict(SPOILING_RULES, {
    steps: measured.filter((step) => step !== broken && step.complete),
    measured,
    first,
    context,
  })
  if (spoiled !== null || broken === undefined) return spoiled
  return firstVerdict(RULES, { steps: [broken], measured, first, context })
}

function firstVerdict(
  rules: readonly Rule[],
  subject: {
    readonly steps: readonly Step[]
    readonly measured: readonly Step[]
    readonly first: Step
    readonly context: SaturationContext
  },
): SaturationVerdict | null {
  const { first, measured, context } = subject
  for (const step of subject.steps) {
    const at = `at ${formatRate(step.targetPerS)}`
    for (const rule of rules) {
      const verdict = rule({ step, measured, first, context, at })
      if (verdict !== null) return verdict
    }
  }
  return null
}

function driverWasSlow({ step, context, at }: Case): SaturationVerdict | null {
  const cores = step.metrics['driver.cpuCores'] ?? coresOf(context, step.metrics, 'driver')
  if (cores !== null && cores >= FULL_RATIO) {
    return { by: 'driver', evidence: `${at} the driver used ${formatNumber(cores)} of one core` }
  }
  // Waiting for a free connection also delays sending: that is the pool's or the target's doing.
  if (step.waitedRatio > WAITED_MAX_RATIO || isStarved(step, context)) return null
  const delayUs = numberOf(step.sendDelayUs?.p99 ?? null)
  const allowedUs = Math.max(GUILTY_DELAY_MIN_US, (latencyLimitUs(step) ?? 0) * GUILTY_DELAY_RATIO)
  if (delayUs === null || delayUs <= allowedUs) return null
  const delay = formatDurationUs(delayUs)
  return { by: 'driver', evidence: `${at} events left the driver ${delay} late (p99)` }
}

/** What the broken limit allows, where it is one of latency. */
function latencyLimitUs({ brokenSlo }: Step): number | null {
  return brokenSlo?.metric.startsWith('latency.') === true ? brokenSlo.max : null
}

/** A driver that got no core is late through no fault of its own. */
function isStarved({ metrics }: Step, { cores }: SaturationContext): boolean {
  return (metrics['machine.idleCores'] ?? Infinity) < cores * IDLE_MIN_RATIO
}

function engineRefused({ step, context, at }: Case): SaturationVerdict | null {
  const engine = enginesIn(context)
  const rejected = step.metrics['inserts.rejected'] ?? 0
  const delayed = step.metrics['inserts.delayed'] ?? 0
  if (rejected > 0) {
    const evidence = `${at} ${engine} refused ${formatNumber(rejected)} inserts: too many parts`
    return { by: 'engine', evidence }
  }
  if (delayed > 0) {
    const evidence = `${at} ${engine} slowed ${formatNumber(delayed)} inserts: too many parts`
    return { by: 'engine', evidence }
  }
  return null
}

/**
 * Too few for a service as fast as it was at the first rate. Otherwise whoever answered slowly kept them busy, and that
 * requests waited is only the symptom.
 */
function connectionsWereFew(subject: Case): SaturationVerdict | null {
  const { step, first, context, at } = subject
  if (step.waitedRatio <= WAITED_MAX_RATIO || serviceWasFull(subject)) return null
  const answerUs = numberOf(first.serviceTimeUs?.p50 ?? null)
  if (answerUs === null) return null
  const busy = ((step.targetPerS / context.batchEvents) * answerUs) / 1e6
  if (expectedWaitRatio(context.connections, busy) <= WAITED_MAX_RATIO) return null
  const waited = formatRatio(step.waitedRatio)
  const connections = formatNumber(context.connections)
  return {
    by: 'pool',
    evidence: `${at} ${waited} of requests waited for one of ${connections} connections, of which the service as fast as at the first rate keeps ${formatNumber(busy)} busy`,
  }
}

/**
 * Erlang's C: the share of requests that wait when `busy` connections are in use on average (M/M/c, so on the high
 * side for evenly spaced requests).
 */
export function expectedWaitRatio(connections: number, busy: number): number {
  if (busy >= connections) return 1
  // The blocking probability of Erlang's B, built up one connection at a time.
  let blocked = 1
  for (let count = 1; count <= connections; count += 1) {
    blocked = (busy * blocked) / (count + busy * blocked)
  }
  return (connections * blocked) / (connections - busy * (1 - blocked))
}

/** Its loop or its machine had no rest, or it did not answer within the limit once asked. */
function serviceWasFull({ step, context }: Case): boolean {
  if (fullPart(step, context, ['service', 'worker']) !== null || isStarved(step, context))
    return true
  const slowestUs = numberOf(step.serviceTimeUs?.p99 ?? null)
  return slowestUs === null || slowestUs > (latencyLimitUs(step) ?? Infinity)
}

function machineWasShared({ step, context, at }: Case): SaturationVerdict | null {
  const { metrics } = step
  const steal = metrics['machine.stealRatio'] ?? 0
  if (steal > STEAL_MAX_RATIO) {
    return { by: 'machine', evidence: `${at} the hypervisor kept ${formatRatio(steal)} of the CPU` }
  }
  if (hasForeignLoad(step, context) && isStarved(step, context) && !context.unseenHere.length) {
    const foreign = formatNumber(metrics['machine.foreignCores'] ?? 0)
    const evidence = `${at} other processes used ${foreign} of ${formatNumber(context.cores)} cores and none was left idle`
    return { by: 'machine', evidence }
  }
  return null
}

function hasForeignLoad({ metrics }: Step, { cores }: SaturationContext): boolean {
  return (metrics['machine.foreignCores'] ?? 0) > cores * FOREIGN_MAX_RATIO
}

function serviceTookAllCores({ step, context, at }: Case): SaturationVerdict | null {
  const full = fullPart(step, context, ['service', 'worker'])
  return full === null ? null : { by: 'service', evidence: `${at} ${full}` }
}

/** The part that used all the cores it can: those of its event loop or container, else the machine's. */
function fullPart(
  { metrics }: Step,
  context: SaturationContext,
  kinds: readonly Part['kind'][],
): string | null {
  for (const { name, kind, coresMax } of context.parts) {
    const used = metrics[`cpu.cores{${name}}`] ?? 0
    const cores = Math.min(coresMax ?? Infinity, context.cores)
    if (kinds.includes(kind) && used >= cores * FULL_RATIO) {
      return `${name} used ${formatNumber(used)} of its ${formatNumber(cores)} ${cores === 1 ? 'core' : 'cores'}`
    }
  }
  return null
}

/** Where its sessions stood: for locks, for the disk, or for each other's WAL. */
function engineWaited({ step, first, context, at }: Case): SaturationVerdict | null {
  const { metrics } = step
  let longest = { event: '', sessions: 0 }
  for (const [key, sessions] of Object.entries(metrics)) {
    const event = /^waits\.sessions\{((?:Lock|LWLock|IO|BufferPin):.*)\}$/.exec(key)?.[1]
    if (event !== undefined && sessions > longest.sessions) longest = { event, sessions }
  }
  const before = step === first ? 0 : (first.metrics[`waits.sessions{${longest.event}}`] ?? 0)
  if (longest.sessions >= WAITING_SESSIONS_MIN && longest.sessions > before * GROWN_FACTOR) {
    const sessions = formatNumber(longest.sessions)
    const evidence = `${at} ${sessions} sessions of ${enginesIn(context)} waited for ${longest.event} on average`
    return { by: 'engine', evidence }
  }
  const waitingCores = metrics['machine.iowaitCores'] ?? 0
  if (waitingCores > context.cores * IO_BOUND_RATIO) {
    const evidence = `${at} ${formatNumber(waitingCores)} of ${formatNumber(context.cores)} cores waited for the disk`
    return { by: 'engine', evidence }
  }
  return null
}

function engineTookAllCores({ step, context, at }: Case): SaturationVerdict | null {
  const full = fullPart(step, context, ['engine'])
  return full === null ? null : { by: 'engine', evidence: `${at} ${full}` }
}

/** Events were late while analytical questions were answered, and all through the run slower than between them. */
function queriesRan({ step, measured, at }: Case): SaturationVerdict | null {
  const found = coincidenceOf(step, measured)
  if (found?.proven !== true) return null
  return { by: 'queries', evidence: `${at} ${coincidenceInWords(found)}` }
}

function noCoreWasIdle({ step, context, at }: Case): SaturationVerdict | null {
  if (!isStarved(step, context)) return null
  // The work of a part that is not seen may be what kept them busy: better no name than a wrong one.
  if (context.unseenHere.length > 0 && hasForeignLoad(step, context)) return null
  const users = context.parts
    .map(({ name }) => ({ name, cores: step.metrics[`cpu.cores{${name}}`] ?? 0 }))
    .filter(({ cores }) => cores >= 0.05)
    .sort((a, b) => b.cores - a.cores)
    .map(({ name, cores }) => `${name} ${formatNumber(cores)}`)
  const shared = users.length === 0 ? '' : ` (${users.join(', ')})`
  return {
    by: 'machine',
    evidence: `${at} all ${formatNumber(context.cores)} cores were busy${shared} and no part was at a limit of its own`,
  }
}

function coresOf(
  { parts }: SaturationContext,
  metrics: Readonly<Record<string, number>>,
  kind: Part['kind'],
): number | null {
  const name = parts.find((part) => part.kind === kind)?.name
  return name === undefined ? null : (metrics[`cpu.cores{${name}}`] ?? null)
}

function enginesIn({ parts }: SaturationContext): string {
  const names = parts.filter(({ kind }) => kind === 'engine').map(({ name }) => name)
  return names.length === 0 ? 'the engine' : names.join(' and ')
}

function numberOf(quantile: Quantile | null): number | null {
  return typeof quantile === 'number' ? quantile : null
}
