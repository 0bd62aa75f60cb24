/**
 * Points of a study, interleaved round after round: what a comparison and a sweep share. In: points, each a target and
 * the scenario it is sent. Out: the runs on disk, and what every study's record says.
 */
import { Scope } from '../kit/scope.ts'
import type { Profile } from '../plan/profile.ts'
import { canonicalJson } from '../results/canonical.ts'
import type { RunRecord, StudyRecord } from '../results/record.ts'
import { writeStudyRecord } from '../results/store.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Target } from '../target/target.ts'
import { dataDiskOf, factsBefore } from '../target/up.ts'
import { emulatedTargets, fsyncOf } from './emulated-disk.ts'
import type { Estimate } from './estimate.ts'
import { interleave } from './interleave.ts'
import type { RunPlan } from './run-plan.ts'
import { planRun } from './run-plan.ts'
import type { RunsDone, StudyRun, StudySurroundings } from './run-planned.ts'
import { estimateRuns, runPlanned } from './run-planned.ts'

/** What is told apart by the target's name. */
export interface StudyPoint {
  readonly target: Target
  readonly scenario: Scenario
}

export interface PointsInputs {
  readonly points: readonly StudyPoint[]
  /** What the study is judged by: SLOs, stop, rounds. */
  readonly scenario: Scenario
  /** Folder that a recorded file's relative path starts from. */
  readonly scenarioDir: string
  readonly profile: Profile
}

type Emulated = NonNullable<StudyRecord['emulated']>

export interface PointsOptions extends StudySurroundings, PointsInputs {
  /** A study that was cut short goes on as it was planned; absent: it is planned now. */
  readonly resumed?: Resumed
  /** Told before the first run what a later resumption needs to know. */
  readonly onPlanned?: (studyDir: string, planned: Planned) => Promise<void>
}

export interface Resumed {
  readonly studyDir: string
  readonly startedAt: Date
  readonly emulated: Emulated
  /** By folder: runs that need not be made again. */
  readonly done: ReadonlyMap<string, RunRecord>
}

export interface Planned {
  readonly startedAt: Date
  readonly emulated: Emulated
}

export interface StudyResult {
  readonly studyDir: string
  readonly study: StudyRecord
  readonly runs: readonly RunRecord[]
}

/** What is the same in every record, whatever its study asks. */
export type EveryStudy = Omit<Extract<StudyRecord, { kind: 'comparison' }>, 'kind' | 'question'>

/** @param toRecord adds what only this kind of study has */
export async function runPoints(
  options: PointsOptions,
  toRecord: (told: EveryStudy) => StudyRecord,
): Promise<StudyResult> {
  const { points, scenario, profile, resumed, onPlanned } = options
  // Every target's settings are checked before the first engine starts.
  for (const { target } of points) factsBefore(target)
  const startedAt = resumed?.startedAt ?? new Date()
  await using scope = new Scope()
  const emulated = resumed?.emulated ?? emulatedOf(options)
  const planned = await plannedRuns({ ...options, emulated }, scope)
  const { studyDir, runs, told } = await runPlanned(planned, {
    ...options,
    name: scenario.name,
    startedAt,
    ...(resumed === undefined ? {} : { earlier: resumed }),
    onStarted: (dir) => onPlanned?.(dir, { startedAt, emulated }) ?? Promise.resolve(),
  })
  const study = toRecord(recordOf({ told, scenario, profile, points, emulated }))
  await writeStudyRecord(studyDir, study, options.secrets)
  return { studyDir, study, runs }
}

/** What the runs of these points would take; nothing is started. */
export async function estimatePoints(
  options: PointsInputs & Pick<StudySurroundings, 'external' | 'engines' | 'workDir'>,
): Promise<Estimate & { readonly runs: number }> {
  await using scope = new Scope()
  const planned = await plannedRuns({ ...options, emulated: [] }, scope)
  return { ...estimateRuns(planned, options), runs: planned.length }
}

function emulatedOf(options: PointsOptions): Emulated {
  const { points, scenario, workDir } = options
  return [
    ...emulatedTargets(
      points.map(({ target }) => target),
      {
        fsyncP50Us: scenario.slowDisk === 'auto' ? fsyncOf(options) : null,
        isSeen: (target) => dataDiskOf(target, { ...options, dataDir: workDir }) !== null,
      },
    ),
  ]
}

async function plannedRuns(
  {
    points,
    scenario,
    scenarioDir,
    emulated,
  }: Omit<PointsInputs, 'profile'> & { readonly emulated: Emulated },
  scope: Scope,
): Promise<readonly StudyRun[]> {
  const planOf = sharedPlans(scenarioDir, scope)
  const order = interleave(points, scenario.rounds)
  for (const one of emulated) {
    const real = points.find(({ target }) => target.name === one.of)
    if (real === undefined) continue
    const point: StudyPoint = { target: one.target, scenario: real.scenario }
    order.push({ target: point, round: 1, position: order.length + 1 })
  }
  const planned: StudyRun[] = []
  for (const { target: point, round, position } of order) {
    planned.push({ ...point, round, position, plan: await planOf(point.scenario) })
  }
  return planned
}

/** Points that are sent the same share its plan: the same events at the same moments. */
function sharedPlans(dir: string, scope: Scope): (scenario: Scenario) => Promise<RunPlan> {
  const startedAt = new Date()
  const plans = new Map<string, RunPlan>()
  return async (scenario) => {
    const key = canonicalJson(scenario)
    const known = plans.get(key)
    if (known !== undefined) return known
    const plan = await planRun(scenario, dir, startedAt)
    scope.defer(plan.close)
    plans.set(key, plan)
    return plan
  }
}

function recordOf({
  told,
  scenario,
  profile,
  points,
  emulated,
}: Pick<PointsInputs, 'scenario' | 'profile' | 'points'> & {
  readonly told: RunsDone['told']
  readonly emulated: Emulated
}): EveryStudy {
  return {
    ...told,
    profile,
    scenario,
    targets: points.map(({ target }) => target),
    ...(emulated.length === 0 ? {} : { emulated }),
  }
}
