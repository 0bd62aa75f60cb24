/**
 * A study of claims on disk, while it grows. In: an experiment's record when it is done. Out: one file each, written once,
 * from which an interrupted study goes on.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ExperimentRecord } from './claims-record.ts'
import { isErrno, parseRecord, readJson, textOf, writeOnce } from './record-files.ts'

const EXPERIMENTS_DIR = 'experiments'

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
