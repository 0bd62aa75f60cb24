/**
 * The runs of any study, one after the other. In: what to run in which order, each with its own scenario. Out: their
 * records on disk, and what every study's record says of them. Whatever happens, what was measured is written.
 */
import { setMaxListeners } from 'node:events'
import { basename, join } from 'node:path'
import { requireFreeBytes } from '../kit/disk.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { formatDurationS } from '../kit/units.ts'
import type { RunRecord, StudyRecord } from '../results/record.ts'
import { createStudyDir, writeRunRecord } from '../results/store.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Target } from '../target/target.ts'
import type { ExternalAddresses, OwnProvider } from '../target/up.ts'
import { dataDiskOf } from '../target/up.ts'
import { nextAgain } from './again.ts'
import type { EndedRun } from './again.ts'
import type { Estimate } from './estimate.ts'
import { estimateStudy } from './estimate.ts'
import type { PlannedRun } from './interleave.ts'
import type { OnProgress } from './progress-events.ts'
import type { RunPlan } from './run-plan.ts'
import { runOnce } from './run.ts'

const GRACE_MS = 8_000
/** What takes longer is made again by whoever wants it. */
const AGAIN_RUN_MAX_S = 600

/** What runs are given by the command line, whatever they are to answer. */
export interface StudySurroundings {
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

export interface StudyRun extends PlannedRun<Target> {
  /** What this run is sent; runs of one study may differ in it. */
  readonly scenario: Scenario
  /** Made from `scenario`; runs of the same one share it. */
  readonly plan: RunPlan
}

export interface StudyOptions extends StudySurroundings {
  /** Names the study's folder, behind the moment it began. */
  readonly name: string
  readonly startedAt: Date
  /** What is there of this study already; absent: it begins now. */
  readonly earlier?: EarlierRuns
  /** Awaited before the first run. */
  readonly onStarted?: (studyDir: string) => Promise<void>
}

export interface EarlierRuns {
  readonly studyDir: string
  /** By folder: these are not made again. */
  readonly done: ReadonlyMap<string, RunRecord>
}

export interface RunsDone {
  readonly studyDir: string
  readonly runs: readonly RunRecord[]
  /** What the study's record says of its runs. */
  readonly told: Pick<
    StudyRecord,
    | 'schema'
    | 'id'
    | 'startedAt'
    | 'finishedAt'
    | 'command'
    | 'runs'
    | 'estimatedS'
    | 'tookS'
    | 'cutShort'
  >
}

/** @throws HeadroomError DISK_FULL before the first run; file errors of the study's folder */
export async function runPlanned(
  planned: readonly StudyRun[],
  options: StudyOptions,
): Promise<RunsDone> {
  const { name, startedAt, command, earlier, onStarted } = options
  const estimate = estimateRuns(leftOf(planned, earlier), options)
  await requireFreeBytes({
    path: options.workDir,
    needBytes: estimate.diskBytes,
    what: `a run of scenario ${name}`,
  })
  const studyDir = earlier?.studyDir ?? (await createStudyDir(options.outDir, name, startedAt))
  const id = basename(studyDir)
  options.onProgress({
    type: 'study-started',
    studyId: id,
    dir: studyDir,
    runs: planned.length,
    estimatedS: estimate.seconds,
  })
  await onStarted?.(studyDir)
  const { runs, folders, cutShort } = await runAll(planned, options, studyDir)
  const finishedAt = new Date()
  return {
    studyDir,
    runs,
    told: {
      schema: 1,
      id,
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt.toISOString(),
      command,
      runs: folders,
      estimatedS: estimate.seconds,
      tookS: earlier === undefined ? secondsOf(startedAt, finishedAt) : togetherS(runs),
      cutShort,
    },
  }
}

/** What is not there yet; where all of it is, what was void, of which some may be made again. */
function leftOf(
  planned: readonly StudyRun[],
  earlier: EarlierRuns | undefined,
): readonly StudyRun[] {
  const recordOf = (run: StudyRun): RunRecord | undefined => earlier?.done.get(folderOf(run))
  const missing = planned.filter((run) => recordOf(run) === undefined)
  if (missing.length > 0) return missing
  return planned.filter((run) => recordOf(run)?.outcome.state === 'void')
}

function secondsOf(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 1_000
}

/** Of a study that stood still between: what its runs took. */
function togetherS(runs: readonly RunRecord[]): number {
  return runs.reduce(
    (sum, run) => sum + secondsOf(new Date(run.startedAt), new Date(run.finishedAt)),
    0,
  )
}

/** Time and disk that runs take; nothing is started. */
export function estimateRuns(
  planned: readonly StudyRun[],
  options: Pick<StudySurroundings, 'external' | 'engines' | 'workDir'>,
): Estimate {
  return estimateStudy(
    planned.map(({ target, scenario, plan }) => ({
      scenario,
      recordedS: plan.recordedS,
      recordedEvents: plan.recordedEvents,
      // What lies on another disk takes no room of this one.
      startsEngines: dataDiskOf(target, { ...options, dataDir: options.workDir }) !== null,
    })),
  )
}

interface Done {
  readonly runs: readonly RunRecord[]
  readonly folders: string[]
  readonly cutShort: string | null
}

/** Each record is on disk before the next run begins. */
async function runAll(
  planned: readonly StudyRun[],
  options: StudyOptions,
  studyDir: string,
): Promise<Done> {
  const studyId = basename(studyDir)
  const hardSignal = graceAfter(options.signal)
  const ended: (EndedRun<StudyRun> & { readonly record: RunRecord })[] = []
  const nextRun = (): StudyRun | null => planned[ended.length] ?? nextAgain(planned.length, ended)
  let cutShort: string | null = null
  for (let run = nextRun(); run !== null && cutShort === null; run = nextRun()) {
    const folder = folderOf(run)
    let record = options.earlier?.done.get(folder)
    if (record === undefined) {
      const repeats = ended.find((one) => isSame(one.run, run))?.record.id
      if (repeats !== undefined) tellAgain(run, ended.length + 1, options)
      record = await runOnce({
        ...options,
        ...run,
        hardSignal,
        runId: `${studyId}/${folder}`,
        studyId,
        runDir: join(studyDir, folder),
        ...(repeats === undefined ? {} : { repeats }),
      })
      await writeRunRecord(join(studyDir, folder), record, options.secrets)
      cutShort = reasonToStop(record, run, options.signal)
    }
    ended.push({ run, record, isDueAgain: isDueAgain(record, run, options) })
  }
  return {
    runs: ended.map(({ record }) => record),
    folders: ended.map(({ run }) => folderOf(run)),
    cutShort,
  }
}

/** @returns whether it was void, and could be otherwise */
function isDueAgain(record: RunRecord, run: StudyRun, options: StudyOptions): boolean {
  if (record.outcome.state !== 'void') return false
  const because = whyNotAgain(run, options)
  if (because === null) return true
  const text = `round ${String(run.round)} of ${run.target.name} was void and is not made again: ${because}`
  options.onProgress({ type: 'note', text })
  return false
}

function whyNotAgain(run: StudyRun, options: StudyOptions): string | null {
  if (run.plan.streamSpec.source === 'recorded' && run.target.kind === 'service')
    return 'your store holds the events of the file now'
  return estimateRuns([run], options).seconds > AGAIN_RUN_MAX_S
    ? `it would take more than ${formatDurationS(AGAIN_RUN_MAX_S)}`
    : null
}

function isSame(one: StudyRun, other: StudyRun): boolean {
  return one.target.name === other.target.name && one.round === other.round
}

function tellAgain(run: StudyRun, runs: number, options: StudyOptions): void {
  const { seconds } = estimateRuns([run], options)
  options.onProgress({ type: 'run-added', runs, estimatedS: seconds })
  const text = `round ${String(run.round)} of ${run.target.name} was void: it is made again, at most ${formatDurationS(seconds)} more`
  options.onProgress({ type: 'note', text })
}

function folderOf({ position, target, round }: StudyRun): string {
  return `${String(position).padStart(2, '0')}-${target.name}-round-${String(round)}`
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
