/**
 * A comparison: several targets, interleaved rounds of one scenario, one record. In: parsed inputs. Out: the study on
 * disk. Whatever happens, what was measured is written; an interrupted study says where it was cut.
 */
import { setMaxListeners } from 'node:events'
import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { ExternalAddresses, OwnProvider } from '../target/up.ts'
import { factsBefore } from '../target/up.ts'
import type { Target } from '../target/target.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Profile } from '../plan/profile.ts'
import type { RunRecord, StudyRecord } from '../results/record.ts'
import { createStudyDir, writeRunRecord, writeStudyRecord } from '../results/store.ts'
import { measureFsyncP50Us, requireFreeBytes } from '../kit/disk.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { Scope } from '../kit/scope.ts'
import { emulatedTargets } from './emulated-disk.ts'
import { estimateStudy } from './estimate.ts'
import { interleave } from './interleave.ts'
import type { PlannedRun } from './interleave.ts'
import type { OnProgress } from './progress-events.ts'
import { planRun } from './run-plan.ts'
import type { RunPlan } from './run-plan.ts'
import { runOnce } from './run.ts'

const GRACE_MS = 8_000

export interface ComparisonOptions {
  readonly scenario: Scenario
  /** Folder that a recorded file's relative path starts from. */
  readonly scenarioDir: string
  readonly targets: readonly Target[]
  readonly profile: Profile
  readonly external: ExternalAddresses
  /** Where engines without an address come from. */
  readonly engines: OwnProvider
  /** results/ is made below this folder. */
  readonly outDir: string
  /** Engine data goes below this folder while a run lasts. */
  readonly workDir: string
  /** The command line that makes this study again; without secrets. */
  readonly command: string
  /** Strings that must appear in nothing that is written. */
  readonly secrets: readonly string[]
  readonly onProgress: OnProgress
  readonly log: Log
  /** Ends the study after what is measured has been kept. */
  readonly signal: AbortSignal
}

export interface ComparisonResult {
  readonly studyDir: string
  readonly study: StudyRecord
  readonly runs: readonly RunRecord[]
}

export async function runComparison(options: ComparisonOptions): Promise<ComparisonResult> {
  const { scenario, targets } = options
  // Every target's settings are checked before the first engine starts.
  for (const target of targets) factsBefore(target)
  const startedAt = new Date()
  await using scope = new Scope()
  const plan = await planRun(scenario, options.scenarioDir, startedAt)
  scope.defer(plan.close)
  const emulated = emulatedTargets(targets, {
    fsyncP50Us: scenario.slowDisk === 'auto' ? fsyncOf(options) : null,
    isExternal: options.external.postgres !== undefined,
  })
  const planned = interleave(targets, scenario.rounds)
  for (const { target } of emulated) {
    planned.push({ target, round: 1, position: planned.length + 1 })
  }
  const estimate = estimateStudy(scenario, {
    runs: planned.length,
    recordedS: plan.recordedS,
    recordedEvents: plan.recordedEvents,
    startsEngines: targets.some(({ kind }) => kind === 'architecture'),
  })
  await requireFreeBytes({
    path: options.workDir,
    needBytes: estimate.diskBytes,
    what: `a run of scenario ${scenario.name}`,
  })

  const studyDir = await createStudyDir(options.outDir, scenario.name, startedAt)
  const studyId = basename(studyDir)
  options.onProgress({
    type: 'study-started',
    studyId,
    dir: studyDir,
    runs: planned.length,
    estimatedS: estimate.seconds,
  })

  const { runs, folders, cutShort } = await runAll(planned, { options, plan, studyDir, studyId })

  const finishedAt = new Date()
  const study: StudyRecord = {
    schema: 1,
    id: studyId,
    kind: 'comparison',
    question: `Which of ${targets.map((target) => target.name).join(', ')} takes scenario ${scenario.name}, and when must I migrate?`,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    command: options.command,
    profile: options.profile,
    scenario,
    targets: [...targets],
    ...(emulated.length === 0 ? {} : { emulated: [...emulated] }),
    runs: folders,
    estimatedS: estimate.seconds,
    tookS: (finishedAt.getTime() - startedAt.getTime()) / 1_000,
    cutShort,
  }
  await writeStudyRecord(studyDir, study, options.secrets)
  return { studyDir, study, runs }
}

interface Done {
  readonly runs: readonly RunRecord[]
  readonly folders: string[]
  readonly cutShort: string | null
}

/** One run after the other; each record is on disk before the next begins. */
async function runAll(
  planned: readonly PlannedRun<Target>[],
  study: {
    readonly options: ComparisonOptions
    readonly plan: RunPlan
    readonly studyDir: string
    readonly studyId: string
  },
): Promise<Done> {
  const { options, plan, studyDir, studyId } = study
  const hardSignal = graceAfter(options.signal)
  const runs: RunRecord[] = []
  const folders: string[] = []
  let cutShort: string | null = null
  for (const run of planned) {
    const folder = folderOf(run)
    const record = await runOnce({
      ...options,
      hardSignal,
      target: run.target,
      plan,
      round: run.round,
      position: run.position,
      runId: `${studyId}/${folder}`,
      studyId,
      runDir: join(studyDir, folder),
    })
    await writeRunRecord(join(studyDir, folder), record, options.secrets)
    runs.push(record)
    folders.push(folder)
    cutShort = reasonToStop(record, run, options.signal)
    if (cutShort !== null) break
  }
  return { runs, folders, cutShort }
}

function folderOf(run: PlannedRun<Target>): string {
  return `${String(run.position).padStart(2, '0')}-${run.target.name}-round-${String(run.round)}`
}

/** A study goes on after one target's failure, but not after the user's Ctrl-C or on a full disk. */
function reasonToStop(
  { outcome }: RunRecord,
  run: PlannedRun<Target>,
  signal: AbortSignal,
): string | null {
  if (signal.aborted) {
    return `interrupted in round ${String(run.round)} at ${run.target.name} (${messageOf(signal.reason)})`
  }
  if (outcome.state === 'aborted' && outcome.by === 'disk-full') return outcome.message
  return null
}

/** Aborts a while after `signal` does: the time in which a stopped run brings home what it has. */
function graceAfter(signal: AbortSignal): AbortSignal {
  const hard = new AbortController()
  // Every probe, poll and statement under way listens: their number is bounded by the target, not by ten.
  setMaxListeners(0, signal, hard.signal)
  signal.addEventListener(
    'abort',
    () => {
      setTimeout(() => {
        hard.abort(signal.reason)
      }, GRACE_MS).unref()
    },
    { once: true },
  )
  return hard.signal
}

/** The disk that will hold engine data; null where it cannot be written, which the first run then says better. */
function fsyncOf({ workDir, log }: ComparisonOptions): number | null {
  try {
    mkdirSync(workDir, { recursive: true })
    return measureFsyncP50Us(workDir)
  } catch (error) {
    log(`fsync latency of ${workDir} is not known: ${messageOf(error)}`)
    return null
  }
}
