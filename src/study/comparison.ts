/**
 * A comparison: several targets, interleaved rounds of one scenario, one record. In: parsed inputs. Out: the study on
 * disk. An interrupted study says where it was cut.
 */
import { Scope } from '../kit/scope.ts'
import type { Profile } from '../plan/profile.ts'
import type { RunRecord, StudyRecord } from '../results/record.ts'
import { writeStudyRecord } from '../results/store.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Target } from '../target/target.ts'
import { dataDiskOf, factsBefore } from '../target/up.ts'
import { emulatedTargets, fsyncOf } from './emulated-disk.ts'
import { interleave } from './interleave.ts'
import { planRun } from './run-plan.ts'
import { runPlanned } from './run-planned.ts'
import type { StudySurroundings } from './run-planned.ts'

export interface ComparisonOptions extends StudySurroundings {
  readonly scenario: Scenario
  /** Folder that a recorded file's relative path starts from. */
  readonly scenarioDir: string
  readonly targets: readonly Target[]
  readonly profile: Profile
}

interface StudyResult {
  readonly studyDir: string
  readonly study: StudyRecord
  readonly runs: readonly RunRecord[]
}

export async function runComparison(options: ComparisonOptions): Promise<StudyResult> {
  const { scenario, scenarioDir, targets, profile, ...surroundings } = options
  // Every target's settings are checked before the first engine starts.
  for (const target of targets) factsBefore(target)
  const startedAt = new Date()
  await using scope = new Scope()
  const plan = await planRun(scenario, scenarioDir, startedAt)
  scope.defer(plan.close)
  const emulated = emulatedTargets(targets, {
    fsyncP50Us: scenario.slowDisk === 'auto' ? fsyncOf(options) : null,
    isSeen: (target) => dataDiskOf(target, { ...options, dataDir: options.workDir }) !== null,
  })
  const planned = interleave(targets, scenario.rounds)
  for (const { target } of emulated) {
    planned.push({ target, round: 1, position: planned.length + 1 })
  }
  const { studyDir, runs, told } = await runPlanned(
    planned.map((run) => ({ ...run, scenario, plan })),
    { ...surroundings, name: scenario.name, startedAt },
  )
  const study: StudyRecord = {
    ...told,
    kind: 'comparison',
    question: `Which of ${targets.map((target) => target.name).join(', ')} takes scenario ${scenario.name}, and when must I migrate?`,
    profile,
    scenario,
    targets: [...targets],
    ...(emulated.length === 0 ? {} : { emulated: [...emulated] }),
  }
  await writeStudyRecord(studyDir, study, options.secrets)
  return { studyDir, study, runs }
}
