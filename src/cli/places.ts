/** Where things go. In: the folder the user named, or none. Out: absolute folders for results, reports and engine data. */
import { join, resolve } from 'node:path'

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
