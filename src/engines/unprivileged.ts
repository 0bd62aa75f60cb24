/**
 * For programs that refuse to run as root. In: a program and a folder of its own. Out: how it is started as somebody else:
 * `nobody` where that user can read the program and reach the folder, else inside a user namespace, where it still reads what
 * only root can read.
 */
import { spawnSync } from 'node:child_process'
import { chownSync } from 'node:fs'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import type { ProgramCommand } from './packages/installed.ts'

export interface Account {
  /** What to spawn so that the program runs under the account. */
  commandFor(args: readonly string[]): AccountCommand
  /** Gives a file or folder made by us to the account. */
  own(path: string): void
}

export interface AccountCommand extends ProgramCommand {
  readonly uid?: number
  readonly gid?: number
}

/** The traditional `nobody`; any id that owns nothing will do. */
const NOBODY = 65_534
const TRIAL_MS = 20_000

/**
 * Finds the first way that really works here, by trying it.
 * @param dir mode 0700, ours; the account's own afterwards
 * @throws HeadroomError ENGINE_MISSING where none works
 */
export function unprivileged(program: ProgramCommand, dir: string): Account {
  if (process.getuid?.() !== 0)
    return { commandFor: (args) => extended(program, args), own: () => undefined }
  const dropped: Account = {
    commandFor: (args) => ({ ...extended(program, args), uid: NOBODY, gid: NOBODY }),
    own: (path) => {
      chownSync(path, NOBODY, NOBODY)
    },
  }
  dropped.own(dir)
  const failure = trial(dropped.commandFor(['--version'])) ?? trial(touching(dir))
  if (failure === null) return dropped
  chownSync(dir, 0, 0)
  const namespaced: Account = {
    commandFor: (args) => {
      const { command, args: whole } = extended(program, args)
      const asNobody = ['--user', `--map-user=${String(NOBODY)}`, `--map-group=${String(NOBODY)}`]
      return { command: 'unshare', args: [...asNobody, '--', command, ...whole] }
    },
    own: () => undefined,
  }
  const second = trial(namespaced.commandFor(['--version']))
  if (second === null) return namespaced
  throw new HeadroomError(
    'ENGINE_MISSING',
    `${program.command} cannot run as another user than root`,
    {
      hint: `as nobody: ${failure}; in a user namespace: ${second}. Run Headroom as a normal user`,
    },
  )
}

function extended(program: ProgramCommand, args: readonly string[]): ProgramCommand {
  return { command: program.command, args: [...program.args, ...args] }
}

function touching(dir: string): AccountCommand {
  const script = 'touch "$1/writable" && rm "$1/writable"'
  return { command: '/bin/sh', args: ['-c', script, 'sh', dir], uid: NOBODY, gid: NOBODY }
}

/** null where it works, else what failed. */
function trial({ command, args, uid, gid }: AccountCommand): string | null {
  try {
    const done = spawnSync(command, args, {
      cwd: '/',
      encoding: 'utf8',
      timeout: TRIAL_MS,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    })
    if (done.error !== undefined) return done.error.message
    return done.status === 0 ? null : done.stderr.trim() || `exit code ${String(done.status)}`
  } catch (error) {
    return messageOf(error)
  }
}
