/**
 * What a study wrote down before its first run, so that it can be gone on with. In: its folder. Out: the plan, the runs
 * that are there, and room for those that are missing; nothing that was recorded is changed or lost.
 */
import { readFile, readdir, rename } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { z } from 'zod'
import { HeadroomError } from '../kit/errors.ts'
import { Profile } from '../plan/profile.ts'
import { Scenario } from '../scenario/scenario.ts'
import { Target } from '../target/target.ts'
import { PlannedPlace } from './planned-place.ts'
import { PLAN_FILE, exists, parseRecord, readJson, textOf, writeOnce } from './record-files.ts'
import { RunRecord } from './record.ts'
import { listStudies } from './store.ts'
import { EmulatedTargets } from './study-record.ts'
import { Sweep } from './sweep-record.ts'

const STUDY_FILE = 'study.json'
const RUN_FILE = 'run.json'

/** What was measured with which inputs: a resumption must find the same. */
const PlannedInputs = PlannedPlace.extend({
  scenario: Scenario,
  points: z.array(z.strictObject({ target: Target, scenario: Scenario })),
  profile: Profile,
  sweep: Sweep,
})
export type PlannedInputs = z.infer<typeof PlannedInputs>

export const StudyPlan = z.strictObject({
  schema: z.literal(1),
  kind: z.literal('sweep'),
  startedAt: z.string(),
  command: z.string(),
  /** What was typed, by flag: from it the inputs are read again. Holds no address of a server. */
  typed: z.record(z.string(), z.json()),
  inputs: PlannedInputs,
  emulated: EmulatedTargets,
})
export type StudyPlan = z.infer<typeof StudyPlan>

/** Written before the first run; as `writeRunRecord`. */
export async function writeStudyPlan(
  studyDir: string,
  plan: StudyPlan,
  secrets: readonly string[],
): Promise<void> {
  await writeOnce(join(studyDir, PLAN_FILE), textOf(StudyPlan.parse(plan), secrets))
}

/** @returns the folder of a study that can be gone on with. @throws HeadroomError UNKNOWN_RUN */
export async function findPlannedStudy(which: string, baseDir: string): Promise<string> {
  const asPath = resolve(baseDir, which)
  if (which !== '' && (await exists(join(asPath, PLAN_FILE)))) return asPath
  const entries = await listStudies(baseDir)
  const planned: string[] = []
  for (const { dir } of entries) if (await exists(join(dir, PLAN_FILE))) planned.push(dir)
  const newest = planned.at(-1)
  if (which === 'latest' && newest !== undefined) return newest
  const [only, ...more] = planned.filter((dir) => basename(dir).startsWith(which))
  if (only !== undefined && more.length === 0) return only
  const what = more.length > 0 ? `several sweeps begin with "${which}"` : `no sweep "${which}"`
  const names = planned.slice(-10).map((dir) => basename(dir))
  throw new HeadroomError('UNKNOWN_RUN', what, {
    hint: names.length === 0 ? 'there are none yet' : `there is: ${names.join(', ')}`,
  })
}

/** @throws HeadroomError RECORD_UNREADABLE; BAD_INPUT where the study was not planned to be gone on with */
export async function readStudyPlan(studyDir: string): Promise<StudyPlan> {
  const file = join(studyDir, PLAN_FILE)
  if (!(await exists(file))) {
    throw new HeadroomError('BAD_INPUT', `${studyDir} cannot be resumed: it has no ${PLAN_FILE}`, {
      hint: 'sweeps can be resumed; run anything else again',
    })
  }
  return parseRecord(StudyPlan, await readJson(file), file)
}

/**
 * Runs that need not be made again, by folder. One that was stopped, or ended without a record, is set aside under
 * another name, and so is the record of a study that was cut short.
 */
export async function earlierRuns(studyDir: string): Promise<ReadonlyMap<string, RunRecord>> {
  const study = join(studyDir, STUDY_FILE)
  if (await exists(study)) await requireCutShort(study)
  const done = new Map<string, RunRecord>()
  const folders = await readdir(studyDir, { withFileTypes: true })
  for (const { name } of folders.filter((one) => one.isDirectory() && isRunFolder(one.name))) {
    const dir = join(studyDir, name)
    const file = join(dir, RUN_FILE)
    const record = (await exists(file)) ? parseRecord(RunRecord, await readJson(file), file) : null
    if (record !== null && isOver(record)) done.set(name, record)
    else await setAside(dir)
  }
  if (await exists(study)) await setAside(study)
  return done
}

/** `07-pg-batch-round-2`; one that was set aside has a word more. */
function isRunFolder(name: string): boolean {
  return /^\d+-.*-round-\d+$/.test(name)
}

/** Whatever it came to; only what stopped the study from outside is made again. */
function isOver({ outcome }: RunRecord): boolean {
  return outcome.state !== 'aborted' || !['signal', 'disk-full'].includes(outcome.by)
}

async function requireCutShort(file: string): Promise<void> {
  const { cutShort } = z
    .looseObject({ cutShort: z.string().nullable() })
    .parse(JSON.parse(await readFile(file, 'utf8')))
  if (cutShort !== null) return
  throw new HeadroomError('BAD_INPUT', 'the study is whole: there is nothing to resume', {
    hint: 'headroom report draws it again; headroom sweep makes another one',
  })
}

async function setAside(path: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const aside = `${path.replace(/\.json$/, '')}-cut-${String(attempt)}${path.endsWith('.json') ? '.json' : ''}`
    if (await exists(aside)) continue
    await rename(path, aside)
    return
  }
}
