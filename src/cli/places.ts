/** Where things go. In: the folder the user named, or none. Out: absolute folders for results, reports and engine data. */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { HeadroomError, messageOf } from '../kit/errors.ts'

/** Makes the folder, so that a wrong one is told before anything starts. */
export function requireOutDir(out: string | undefined): void {
  const dir = outDirOf(out)
  try {
    mkdirSync(dir, { recursive: true })
    accessSync(dir, constants.W_OK)
  } catch (error) {
    const flag = out === undefined ? 'this folder' : `--out ${out}`
    throw new HeadroomError('BAD_INPUT', `${flag} cannot be written to: ${messageOf(error)}`, {
      hint: 'give a folder of your own with --out',
    })
  }
}

/** results/ and reports/ are made below this folder. */
export function outDirOf(out: string | undefined): string {
  return resolve(out ?? '.')
}

/** Engine data while a run lasts, and the list of what runs. */
export function workDirOf(out: string | undefined): string {
  return join(outDirOf(out), '.headroom')
}

export function reportDirOf(out: string | undefined, studyId: string): string {
  return join(outDirOf(out), 'reports', studyId)
}
