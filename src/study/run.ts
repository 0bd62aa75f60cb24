/**
 * One run: engines and service up, preload, live minutes, audit, everything down. In: a target and the study's plan.
 * Out: a record, whatever happens; what the run left on disk besides it is removed.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { machine } from '../collect/machine.ts'
import { claimDataDir, releaseDataDir } from '../kit/guardian.ts'
import { saysDiskFull } from '../kit/disk.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { Scope } from '../kit/scope.ts'
import { serverLedgerDir } from '../kit/server-ledger.ts'
import { auditSentences } from '../results/audit-record.ts'
import type { Outcome, RunRecord } from '../results/record.ts'
import { withoutSecrets } from '../results/redaction.ts'
import type { RunningTarget } from '../target/up.ts'
import { bringUp, dataDiskOf, factsBefore } from '../target/up.ts'
import type { RunLog } from './run-log.ts'
import { cleanLogs, openRunLog } from './run-log.ts'
import { headroomVersion } from './headroom-version.ts'
import { SERIES_FILE } from './live-watch.ts'
import { measureTarget } from './measure-target.ts'
import type { RunOptions } from './run-options.ts'
import { markedPlan } from './run-plan.ts'

/** What is known of a target once it is up; a run that fails before keeps the empty one. */
type TargetFacts = Pick<RunRecord, 'architecture' | 'engines'>

export async function runOnce(options: RunOptions): Promise<RunRecord> {
  const { target, scenario } = options
  const startedAt = new Date()
  // Every run of it needs identifiers of its own: its store keeps what earlier runs of the same seed sent.
  const identifierMark = target.kind === 'service' ? newMark() : null
  const dataDir = join(options.workDir, 'data', options.runId.replaceAll('/', '-'))
  await mkdir(join(options.runDir, 'logs'), { recursive: true })
  claimDataDir(dataDir)
  const clean = (text: string): string => withoutSecrets(text, options.secrets)
  await using runLog = openRunLog(join(options.runDir, 'logs', 'headroom.log'), {
    passOn: options.log,
    clean,
  })

  options.onProgress({
    type: 'run-started',
    runId: options.runId,
    target: target.name,
    round: options.round,
    position: options.position,
  })
  const dataDisk = dataDiskOf(target, { ...options, dataDir })
  const host = await machine(dataDisk, runLog.log)
  const facts: { known: TargetFacts } = { known: recorded(factsBefore(target), []) }
  let epochMs = startedAt.getTime()
  let outcome: Outcome
  try {
    const done = await upAndMeasure(options, {
      startedAt,
      identifierMark,
      dataDir,
      dataDisk,
      log: runLog.log,
      learn: (up) => (facts.known = factsOf(up)),
    })
    outcome = done.outcome
    epochMs = done.epochMs
  } catch (error) {
    noteFailure(runLog, error)
    outcome = failureOf(error, options.signal)
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    releaseDataDir(dataDir)
    if (target.kind === 'service') await cleanLogs(join(options.runDir, 'logs'), clean)
  }
  outcome = cleaned(outcome, clean)
  tellEnd(options, outcome)
  const files = await readdir(options.runDir, { recursive: true })
  return {
    schema: 1,
    id: options.runId,
    studyId: options.studyId,
    round: options.round,
    ...(options.repeats === undefined ? {} : { repeats: options.repeats }),
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    headroom: await headroomVersion(),
    scenario,
    target,
    ...facts.known,
    machine: host,
    epochMs,
    ...(identifierMark === null ? {} : { identifierMark }),
    ...notPreloaded(options),
    seriesFile: files.includes(SERIES_FILE) ? SERIES_FILE : null,
    files: files
      .filter((file) => file.endsWith('.log') || file.endsWith('.bin') || file.endsWith('.ndjson'))
      .sort(),
    outcome,
  }
}

async function upAndMeasure(
  options: RunOptions,
  run: {
    readonly startedAt: Date
    readonly identifierMark: string | null
    readonly dataDir: string
    readonly dataDisk: string | null
    readonly log: Log
    readonly learn: (up: RunningTarget) => void
  },
): Promise<{ readonly outcome: Outcome; readonly epochMs: number }> {
  const { target, signal } = options
  signal.throwIfAborted()
  await using scope = new Scope()
  options.onProgress({ type: 'phase', target: target.name, phase: 'engines', detail: '' })
  const up = scope.use(
    await bringUp({
      target,
      external: options.external,
      engines: options.engines,
      dataDir: run.dataDir,
      logDir: join(options.runDir, 'logs'),
      runId: options.runId,
      startedAt: run.startedAt,
      ...(run.identifierMark === null ? {} : { mark: run.identifierMark }),
      ledgerDir: serverLedgerDir(options.workDir),
      signal,
      log: run.log,
      onEngineReady: (engine, tookMs) => {
        options.onProgress({
          type: 'engine-ready',
          target: target.name,
          label: engine.label,
          tookMs,
          provider: engine.provider,
        })
      },
    }),
  )
  run.learn(up)
  const plan =
    run.identifierMark === null
      ? options.plan
      : await markedPlan(options.plan, options.scenario, run.identifierMark)
  const { dataDir, dataDisk, log } = run
  return await measureTarget(up, { ...options, plan, dataDir, dataDisk, log })
}

/** A store of the user's own is never filled by us, so rows asked for are not there. */
function notPreloaded({ target, scenario }: RunOptions): Pick<RunRecord, 'notPreloaded'> {
  if (target.kind !== 'service' || scenario.initialRows === 0) return {}
  return {
    notPreloaded: `the ${scenario.initialRows.toLocaleString('en')} initial rows of the scenario cannot be loaded into ${target.name}: a store of your own is never filled by Headroom`,
  }
}

/** Ten letters and digits, 50 bits of chance. */
function newMark(): string {
  return Array.from(randomBytes(10), (byte) =>
    'abcdefghijkmnpqrstuvwxyz23456789'.charAt(byte & 31),
  ).join('')
}

function recorded(
  { id, title, settings, promises, batches, partsToOperate, ...facts }: RunningTarget['facts'],
  engines: TargetFacts['engines'],
): TargetFacts {
  return {
    architecture: {
      id,
      title,
      settings,
      promises: {
        ack: promises.ack,
        stores: [...promises.stores],
        ...(promises.projections === undefined ? {} : { projections: [...promises.projections] }),
      },
      ...(batches === undefined ? {} : { batches }),
      partsToOperate: [...partsToOperate],
      ...(facts.images === undefined ? {} : { images: [...facts.images] }),
      ...(facts.notMeasured === undefined ? {} : { notMeasured: [...facts.notMeasured] }),
      ...(facts.decided === undefined ? {} : { decided: [...facts.decided] }),
    },
    engines,
  }
}

function factsOf({ facts, engines }: RunningTarget): TargetFacts {
  return recorded(
    facts,
    engines.map(({ role, engine }) => ({
      role,
      kind: engine.kind,
      provider: engine.provider,
      label: engine.label,
      version: engine.version,
      settings: { ...engine.settings },
      ...(engine.image === undefined ? {} : { image: engine.image }),
      ...(engine.facts === undefined ? {} : { facts: { ...engine.facts } }),
      ...(engine.notes === undefined
        ? {}
        : {
            settingsNotInForce: [...engine.notes.settingsNotInForce],
            unseen: [...engine.notes.unseen],
          }),
    })),
  )
}

/** What a user can mend needs no stack, and the end of the run tells it. */
function noteFailure(runLog: RunLog, error: unknown): void {
  const isBug = error instanceof Error && !(error instanceof HeadroomError)
  if (isBug) runLog.log(error.stack ?? error.message)
  else runLog.keep(messageOf(error))
}

function failureOf(error: unknown, signal: AbortSignal): Outcome {
  const nothing = { measured: null, audit: null }
  if (signal.aborted) {
    return { state: 'aborted', by: 'signal', message: messageOf(signal.reason), ...nothing }
  }
  const text = `${messageOf(error)} ${error instanceof HeadroomError ? (error.hint ?? '') : ''}`
  if (saysDiskFull(text) || (error instanceof HeadroomError && error.code === 'DISK_FULL')) {
    return { state: 'aborted', by: 'disk-full', message: messageOf(error), ...nothing }
  }
  if (!(error instanceof HeadroomError))
    return { state: 'failed', code: 'CRASH', message: messageOf(error) }
  if (error.code === 'ENGINE_CRASHED') {
    return { state: 'aborted', by: 'engine-crash', message: error.message, ...nothing }
  }
  const hint = error.hint === null ? '' : ` — ${error.hint}`
  return { state: 'failed', code: error.code, message: `${error.message}${hint}` }
}

/** A program of the user's own may have said anything with its last words. */
function cleaned(outcome: Outcome, clean: (text: string) => string): Outcome {
  return 'message' in outcome ? { ...outcome, message: clean(outcome.message) } : outcome
}

function tellEnd(options: RunOptions, outcome: Outcome): void {
  const measured = 'measured' in outcome ? outcome.measured : null
  options.onProgress({
    type: 'run-ended',
    runId: options.runId,
    target: options.target.name,
    round: options.round,
    state: outcome.state,
    sustainedPerS: measured?.sustainedPerS ?? null,
    brokenAtPerS: measured?.brokenAtPerS ?? null,
    message: endMessage(outcome),
  })
}

function endMessage(outcome: Outcome): string {
  switch (outcome.state) {
    case 'completed':
      return outcome.measured.saturated?.evidence ?? ''
    case 'audit-failed':
      return auditSentences(outcome.audit).join('; ')
    case 'not-audited':
    case 'void':
      return outcome.because
    case 'aborted':
    case 'failed':
      return outcome.message
  }
}
