/** Whether a study that is to be gone on with is still being made. In: its name and the folder of work. Out: nothing, or why not. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { HeadroomError } from '../kit/errors.ts'

/**
 * What a killed Headroom left was removed before: data that is there is somebody's who lives.
 * @throws HeadroomError BAD_INPUT
 */
export function refuseRunning(studyId: string, workDir: string): void {
  const dataDir = join(workDir, 'data')
  const inUse = existsSync(dataDir) ? readdirSync(dataDir) : []
  if (!inUse.some((name) => name.startsWith(`${studyId}-`))) return
  throw new HeadroomError('BAD_INPUT', `${studyId} is still running`, {
    hint: 'wait for it, or stop it first with Ctrl-C',
  })
}
