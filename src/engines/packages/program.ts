/**
 * Servers that npm does not bring. In: a name. Out: the command line that runs one: of the installed package under its own
 * libraries, else of the PATH.
 */
import { accessSync, constants } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { HeadroomError } from '../../kit/errors.ts'
import type { PackageName } from './catalogue.ts'
import { PACKAGES } from './catalogue.ts'
import type { ProgramCommand } from './installed.ts'
import { enginesDirs, findPackage, underOwnLoader } from './installed.ts'

/** Those that are run; the others are loaded by PostgreSQL. */
export type ProgramName = Extract<PackageName, 'redis' | 'pgbouncer'>

export interface FoundProgram extends ProgramCommand {
  readonly from: 'package' | 'path'
}

/** null where it is neither installed nor on the PATH. */
export function findProgram(
  name: ProgramName,
  env: NodeJS.ProcessEnv = process.env,
): FoundProgram | null {
  const installed = findPackage(name, enginesDirs(env))
  if (installed !== null) {
    const program = join(installed.root, PACKAGES[name].provides)
    return { ...underOwnLoader(installed, program), from: 'package' }
  }
  const program = basename(PACKAGES[name].provides)
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const command = join(folder, program)
    if (folder !== '' && isExecutable(command)) return { command, args: [], from: 'path' }
  }
  return null
}

/** @throws HeadroomError ENGINE_MISSING with the command that gets it */
export function requireProgram(name: ProgramName): FoundProgram {
  const found = findProgram(name)
  if (found !== null) return found
  throw new HeadroomError('ENGINE_MISSING', `${PACKAGES[name].title} is not installed`, {
    hint: `headroom engines install ${name}, or ${PACKAGES[name].otherwise}`,
  })
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
