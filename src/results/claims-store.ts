/**
 * A study of claims on disk, while it grows. In: an experiment's record when it is done. Out: one file each, written once,
 * from which an interrupted study goes on.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { HeadroomError } from '../kit/errors.ts'
import { ScaleName } from '../scenario/experiment.ts'
import { ExperimentRecord } from './claims-record.ts'
import { PlannedPlace } from './planned-place.ts'
import {
  CLAIMS_PLAN_FILE,
  exists,
  isErrno,
  parseRecord,
  readJson,
  textOf,
  writeOnce,
} from './record-files.ts'

const EXPERIMENTS_DIR = 'experiments'

/** What was measured with which inputs: a resumption must find the same. */
const ClaimsInputs = PlannedPlace.extend({
  scale: ScaleName,
  /** sha256 of each experiment as it was asked, by name. */
  experiments: z.record(z.string(), z.string()),
})
export type ClaimsInputs = z.infer<typeof ClaimsInputs>

const ClaimsPlan = z.strictObject({
  schema: z.literal(1),
  kind: z.literal('claims'),
  startedAt: z.string(),
  inputs: ClaimsInputs,
})
export type ClaimsPlan = z.infer<typeof ClaimsPlan>

/** Written before the first experiment. */
export async function writeClaimsPlan(
  studyDir: string,
  plan: ClaimsPlan,
  secrets: readonly string[],
): Promise<void> {
  await writeOnce(join(studyDir, CLAIMS_PLAN_FILE), textOf(ClaimsPlan.parse(plan), secrets))
}

/** @throws HeadroomError RECORD_UNREADABLE; BAD_INPUT where nothing says what the study began with */
export async function readClaimsPlan(studyDir: string): Promise<ClaimsPlan> {
  const file = join(studyDir, CLAIMS_PLAN_FILE)
  if (!(await exists(file))) {
    throw new HeadroomError(
      'BAD_INPUT',
      `${studyDir} cannot be resumed: it has no ${CLAIMS_PLAN_FILE}`,
      { hint: 'nothing says with what it began: measure its claims anew' },
    )
  }
  return parseRecord(ClaimsPlan, await readJson(file), file)
}

export async function writeExperimentRecord(
  studyDir: string,
  record: ExperimentRecord,
  secrets: readonly string[],
): Promise<void> {
  const file = join(studyDir, EXPERIMENTS_DIR, `${record.experiment.name}.json`)
  await writeOnce(file, textOf(ExperimentRecord.parse(record), secrets))
}

/** @throws HeadroomError RECORD_UNREADABLE */
export async function readExperimentRecords(
  studyDir: string,
): Promise<readonly ExperimentRecord[]> {
  const dir = join(studyDir, EXPERIMENTS_DIR)
  try {
    const names = (await readdir(dir)).filter((name) => name.endsWith('.json')).sort()
    return await Promise.all(
      names.map(async (name) => {
        const file = join(dir, name)
        return parseRecord(ExperimentRecord, await readJson(file), file)
      }),
    )
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
