/**
 * Puts a scenario's faults on a running target. In: faults, the run's epoch, the target's parts and engines. Out: what was
 * done and when. Whatever was begun is ended: at its time, or when the run is over before.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Part } from '../architecture/part.ts'
import type { EngineRecovery, RestoredTo, RunningEngine } from '../engines/engine.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { formatDurationMs } from '../kit/units.ts'
import type { Fault, Script } from '../scenario/fault.ts'
import { faultInWords } from '../scenario/fault.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { mix32 } from '../shapes/seeded/counter-hash.ts'
import { PausedWork } from './paused-work.ts'

const FOLLOW_AGAIN_AFTER_MS = 500

export interface PlannedFault {
  readonly fault: Fault
  /** Offsets from the run's epoch. */
  readonly fromMs: number
  readonly toMs: number
}

/** What was really done: orders take their time. */
export interface FaultMark {
  readonly name: string
  readonly kind: Fault['kind']
  /** The part, or the role of the engine. */
  readonly on: string
  readonly fromMs: number
  /** When its end was done: a killed part runs again. */
  readonly toMs: number
  /** What could not be done, and why; null: all was. */
  readonly failed: string | null
  /** Whether it was put at all: one that could only not be ended has taken what it takes. */
  readonly begun: boolean
  /** Of a pause: why what was paused could not go on; absent: it went on. */
  readonly notResumed?: string
  /** The metric that it is about, as the scenario names it. */
  readonly symptom?: string
  /** Of a restore that was done: up to what, and until when everything acknowledged must be there, after the epoch. */
  readonly restored?: RestoredTo
}

export interface FaultContext {
  readonly parts: readonly Part[]
  readonly engines: readonly { readonly role: string; readonly engine: RunningEngine }[]
  readonly epochMs: number
  readonly nowMs: () => number
  /** Ends the waiting, never what takes a fault back. */
  readonly signal: AbortSignal
  /** The end of patience, for what takes a fault back too. */
  readonly hardSignal: AbortSignal
  readonly log: Log
}

/** @param measureFromS where the measured phase begins, after the epoch */
export function plannedFaults(
  { faults, seed }: Pick<Scenario, 'faults' | 'seed'>,
  round: number,
  measureFromS: number,
): readonly PlannedFault[] {
  return faults.map((fault, index) => {
    const drawn = mix32(mix32(seed) ^ mix32(round * 1_009 + index)) / 2 ** 32
    const atS =
      typeof fault.atS === 'number'
        ? fault.atS
        : fault.atS[0] + drawn * (fault.atS[1] - fault.atS[0])
    const fromMs = (measureFromS + atS) * 1_000
    return { fault, fromMs, toMs: fromMs + fault.lengthS * 1_000 }
  })
}

/** Resolves when every fault that was begun has been ended. */
export async function runFaults(
  planned: readonly PlannedFault[],
  context: FaultContext,
): Promise<readonly FaultMark[]> {
  const marks = await Promise.all(planned.map((one) => runFault(one, context)))
  return marks.sort((a, b) => a.fromMs - b.fromMs)
}

async function runFault(
  { fault, fromMs, toMs }: PlannedFault,
  context: FaultContext,
): Promise<FaultMark> {
  const { epochMs, nowMs, log } = context
  const until = async (atMs: number): Promise<boolean> => {
    const waitMs = Math.max(0, epochMs + atMs - nowMs())
    return await delay(waitMs, true, { signal: context.signal }).catch(() => false)
  }
  const name = faultInWords(fault)
  const told = toldOf(fault)
  const followed = followLog(fault, context)
  const work = fault.kind === 'pause' ? workOf(fault, context) : null
  const isTime = await until(fromMs)
  await followed.end()
  // The last time may take longer than a fault's begin can wait for: what is under way is cut short.
  const undone = (await work?.pause()) ?? null
  if (!isTime) {
    return { ...told, fromMs, toMs: fromMs, failed: 'the run ended before', begun: false }
  }
  const beganMs = nowMs() - epochMs
  log(`fault: ${name}`)
  let failed: string | null = null
  let begun = false
  let restored: RestoredTo | undefined
  try {
    const end = await beginAfter(undone, fault, context)
    begun = true
    await until(toMs)
    restored = (await end()) ?? undefined
    work?.resume()
    log(`fault over: ${name}`)
  } catch (error) {
    failed = messageOf(error)
    log(`fault ${name} failed: ${failed}`)
  }
  const overMs = nowMs() - epochMs
  const notResumed = (await work?.untilOver()) ?? null
  const put = {
    ...{ ...told, fromMs: beganMs, toMs: overMs, failed, begun },
    ...(notResumed === null ? {} : { notResumed }),
  }
  if (restored === undefined) return put
  return { ...put, restored: { ...restored, keptUntilMs: restored.keptUntilMs - epochMs } }
}

function toldOf(fault: Fault): Pick<FaultMark, 'name' | 'kind' | 'on' | 'symptom'> {
  const { kind, symptom } = fault
  return {
    name: faultInWords(fault),
    kind,
    on: kind === 'kill' || kind === 'freeze' ? fault.part : fault.role,
    ...(symptom === undefined ? {} : { symptom }),
  }
}

/** @param undone why what is to pause could not be done before: then its pause would show nothing */
function beginAfter(undone: string | null, fault: Fault, context: FaultContext): Promise<End> {
  if (undone !== null) throw new Error(`what was to pause had failed: ${undone}`)
  return begin(fault, context)
}

/** What a lost disk may take is known by how far the log was before. */
function followLog(fault: Fault, context: FaultContext): { end(): Promise<void> } {
  if (fault.kind !== 'restore' || fault.to === 'point') return { end: () => Promise.resolve() }
  const over = new AbortController()
  const signal = AbortSignal.any([over.signal, context.signal])
  const following = followUntil(signal, () => recoveryOf(fault.role, context), context.log)
  return {
    end: async () => {
      over.abort()
      await following
    },
  }
}

/** Another fault may take the engine away for a while: a look that is missing only makes the bound an earlier one. */
async function followUntil(
  signal: AbortSignal,
  recovery: () => EngineRecovery,
  log: Log,
): Promise<void> {
  const isOver = (): boolean => signal.aborted
  while (!isOver()) {
    try {
      await recovery().follow(signal)
    } catch (error) {
      if (isOver()) return
      log(`fault: how far the log is could not be asked: ${messageOf(error)}`)
      await delay(FOLLOW_AGAIN_AFTER_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

function workOf({ work, everyS, role }: Pause, context: FaultContext): PausedWork {
  const run = (signal: AbortSignal): Promise<void> => runScript(work, { role, context, signal })
  return new PausedWork(run, { everyS, signal: context.signal, log: context.log })
}

/** What has to be there before the first event: what a fault prepares, and the backup that a restore begins with. */
export async function prepareFaults(
  { faults }: Pick<Scenario, 'faults'>,
  context: Pick<FaultContext, 'engines' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  for (const fault of faults) {
    if (!('prepare' in fault) || fault.prepare === undefined) continue
    await runScript(fault.prepare, { role: fault.role, context, signal })
  }
  const roles = new Set(faults.flatMap((fault) => (fault.kind === 'restore' ? [fault.role] : [])))
  for (const role of roles) {
    const startedMs = performance.now()
    await recoveryOf(role, context).backUp(signal)
    const took = formatDurationMs(performance.now() - startedMs)
    context.log(`fault: base backup of ${role} made in ${took}`)
  }
}

type Pause = Extract<Fault, { kind: 'pause' }>

interface ScriptPlace {
  readonly role: string
  readonly context: Pick<FaultContext, 'engines'>
  readonly signal: AbortSignal
}

async function runScript(
  script: Script | undefined,
  { role, context, signal }: ScriptPlace,
): Promise<void> {
  const { control } = engineOf(role, context)
  for (const one of [script ?? []].flat()) await control.execute(one, signal)
}

/** Resolves with what was restored; null where nothing was. */
type End = () => Promise<RestoredTo | null>

async function begin(fault: Fault, context: FaultContext): Promise<End> {
  switch (fault.kind) {
    case 'kill': {
      const part = partOf(fault.part, context)
      await part.fault('kill')
      return nothingOf(() => part.fault('restart'))
    }
    case 'freeze': {
      const part = partOf(fault.part, context)
      await part.fault('freeze')
      return nothingOf(() => part.fault('thaw'))
    }
    case 'statements': {
      const place = { role: fault.role, context, signal: context.hardSignal }
      await runScript(fault.begin, place)
      return nothingOf(() => runScript(fault.end, place))
    }
    // Not doing it is all there is to do.
    case 'pause':
      return nothingOf(() => Promise.resolve())
    case 'restore': {
      const recovery = recoveryOf(fault.role, context)
      if (fault.to === 'point') {
        await recovery.markPoint(context.hardSignal)
        const { control } = engineOf(fault.role, context)
        await control.execute(fault.begin ?? '', context.hardSignal)
      } else {
        await recovery.loseData()
      }
      return () => recovery.restore(fault.to, context.hardSignal)
    }
    case 'session': {
      const { control, label } = engineOf(fault.role, context)
      if (control.hold === undefined) {
        throw new HeadroomError('BAD_INPUT', `${label} has no session that could be held open`)
      }
      const session = await control.hold(fault.begin, context.hardSignal)
      return nothingOf(() => session[Symbol.asyncDispose]())
    }
  }
}

function nothingOf(end: () => PromiseLike<void>): End {
  return async () => {
    await end()
    return null
  }
}

function partOf(name: string, { parts }: FaultContext): Part {
  const part = parts.find((candidate) => candidate.name === name)
  if (part !== undefined) return part
  const known = parts.map((candidate) => candidate.name).join(', ')
  throw new HeadroomError('BAD_INPUT', `there is no part ${name}`, { hint: `there are ${known}` })
}

function recoveryOf(role: string, context: Pick<FaultContext, 'engines'>): EngineRecovery {
  const { control, label } = engineOf(role, context)
  if (control.recovery !== undefined) return control.recovery
  throw new HeadroomError('BAD_INPUT', `${label} archives nothing, so it cannot be restored`, {
    hint: 'set archive_mode: on under its settings in the target file; it works for engines that are started here',
  })
}

function engineOf(role: string, { engines }: Pick<FaultContext, 'engines'>): RunningEngine {
  const found = engines.find((candidate) => candidate.role === role)
  if (found !== undefined) return found.engine
  const known = engines.map((candidate) => candidate.role).join(', ')
  throw new HeadroomError('BAD_INPUT', `there is no engine in the role ${role}`, {
    hint: `there are ${known}`,
  })
}
