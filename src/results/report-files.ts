/** Writes the files of a report. In: a folder, paths and contents. Out: the folder holds them and no older picture. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HeadroomError } from '../kit/errors.ts'

export interface WrittenFile {
  /** Relative to the folder, with forward slashes. */
  readonly path: string
  readonly content: string | Uint8Array
}

/** Pictures of an older drawing may have other names: their folder is emptied first. */
const PICTURES_DIR = 'charts'

/**
 * Each file appears whole or not at all; a reader of an older report never sees half of a newer one.
 * @throws HeadroomError DISK_FULL
 */
export async function writeReportFiles(
  reportDir: string,
  files: readonly WrittenFile[],
): Promise<void> {
  try {
    await rm(join(reportDir, PICTURES_DIR), { recursive: true, force: true })
    for (const { path, content } of files) await writeWhole(join(reportDir, path), content)
  } catch (error) {
    if (isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')) {
      throw new HeadroomError('DISK_FULL', `no room to write the report in ${reportDir}`, {
        hint: 'free some space on that disk, then run headroom report',
        cause: error,
      })
    }
    throw error
  }
}

async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const aside = `${file}.${String(process.pid)}.tmp`
  try {
    await writeFile(aside, content)
    await rename(aside, file)
  } finally {
    await rm(aside, { force: true })
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
