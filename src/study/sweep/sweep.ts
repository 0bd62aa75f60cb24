/**
 * A sweep: one or more targets at every point of a grid, one record. In: points, and what varies. Out: the study on disk.
 * What it was to measure is written down first, so that it can be gone on with after whatever ended it.
 */
import { basename } from 'node:path'
import type { StudyRecord } from '../../results/record.ts'
import type { PlannedInputs, StudyPlan } from '../../results/study-plan.ts'
import { earlierRuns, writeStudyPlan } from '../../results/study-plan.ts'
import type { Sweep } from '../../results/sweep-record.ts'
import { refuseRunning } from '../refuse-running.ts'
import { placeNow } from '../planned-place.ts'
import type { EveryStudy, PointsOptions, StudyResult } from '../run-points.ts'
import { runPoints } from '../run-points.ts'
import { refuseChangedInputs } from './changed-inputs.ts'

export interface SweepOptions extends Omit<PointsOptions, 'resumed' | 'onPlanned'> {
  readonly sweep: Sweep
  /** What was typed, by flag; without addresses. */
  readonly typed: StudyPlan['typed']
  /** A sweep that was cut short, to be gone on with. */
  readonly resume?: { readonly studyDir: string; readonly plan: StudyPlan }
}

/** @throws HeadroomError BAD_INPUT where a sweep that is gone on with has other inputs now */
export async function runSweep(options: SweepOptions): Promise<StudyResult> {
  const { sweep, typed, resume, command, secrets } = options
  const toRecord = (told: EveryStudy): StudyRecord => ({
    ...told,
    kind: 'sweep',
    question: questionOf(sweep, options.scenario.name),
    sweep,
  })
  const inputs = await inputsOf(options)
  if (resume === undefined) {
    const onPlanned: PointsOptions['onPlanned'] = async (studyDir, { startedAt, emulated }) => {
      const about = { schema: 1, kind: 'sweep', startedAt: startedAt.toISOString() } as const
      await writeStudyPlan(studyDir, { ...about, command, typed, inputs, emulated }, secrets)
    }
    return await runPoints({ ...options, onPlanned }, toRecord)
  }
  const { studyDir, plan } = resume
  refuseChangedInputs(plan.inputs, inputs)
  refuseRunning(basename(studyDir), options.workDir)
  const resumed = {
    studyDir,
    startedAt: new Date(plan.startedAt),
    emulated: plan.emulated,
    done: await earlierRuns(studyDir),
  }
  return await runPoints({ ...options, command: plan.command, resumed }, toRecord)
}

async function inputsOf(options: SweepOptions): Promise<PlannedInputs> {
  const { scenario, points, profile, sweep, engines, external } = options
  return {
    scenario,
    points: points.map((point) => ({ ...point })),
    profile,
    sweep,
    ...(await placeNow(engines, external)),
  }
}

function questionOf({ asks, axes, points }: Sweep, scenario: string): string {
  if (asks !== undefined) return asks
  const names = axes.map(({ name }) => name).join(' and ')
  const targets = [...new Set(points.map(({ of }) => of))].join(', ')
  return `What does ${names} change for ${targets} in scenario ${scenario}?`
}
