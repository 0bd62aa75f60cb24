/** A new PostgreSQL data folder. In: where, and the superuser's password. Out: PGDATA as initdb makes it. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { saysDiskFull } from '../../kit/disk.ts'
import { HeadroomError } from '../../kit/errors.ts'
import type { Daemon } from '../../kit/process.ts'
import { spawnDaemon } from '../../kit/process.ts'
import type { DataFolder } from './server.ts'

export const SUPERUSER = 'headroom'
const TIMEOUT_MS = 30_000

/** @throws HeadroomError DISK_FULL, ENGINE_NOT_READY */
export async function initializeData(
  { dir, home, address }: DataFolder,
  { name, signal }: { readonly name: string; readonly signal: AbortSignal },
): Promise<void> {
  const passwordFile = join(home.dir, 'password')
  writeFileSync(passwordFile, `${address.password ?? ''}\n`, { mode: 0o600 })
  home.own(passwordFile)
  const { command, args, env, ...identity } = home.commandFor('initdb', [
    ...['-D', dir, '-U', SUPERUSER, '--pwfile', passwordFile],
    // Any local user may connect to a loopback port: a password keeps them out.
    ...['--auth', 'scram-sha-256', '-E', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'],
  ])
  const initdb = await spawnDaemon({
    name: `${name} initdb`,
    command,
    args,
    env: { ...env, LC_ALL: 'C' },
    cwd: '/',
    logFile: join(home.dir, 'initdb.log'),
    ...identity,
  })
  try {
    await endOf(initdb, signal)
    const exit = initdb.exit()
    if (exit?.how === 'code' && exit.code === 0) return
    const said = initdb.logTail(6).join(' ')
    throw new HeadroomError(
      saysDiskFull(said) ? 'DISK_FULL' : 'ENGINE_NOT_READY',
      `PostgreSQL cannot make its data folder: ${said}`,
    )
  } finally {
    await initdb.kill()
    rmSync(passwordFile, { force: true })
  }
}

/** @throws the signal's reason, or ENGINE_NOT_READY when it takes too long */
async function endOf(program: Daemon, signal: AbortSignal): Promise<void> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
  const cut = new Promise<void>((resolve) => {
    if (late.aborted) resolve()
    else
      late.addEventListener(
        'abort',
        () => {
          resolve()
        },
        { once: true },
      )
  })
  await Promise.race([program.exited, cut])
  signal.throwIfAborted()
  if (program.exit() === null) {
    throw new HeadroomError('ENGINE_NOT_READY', `${program.name} did not end within 30 s`)
  }
}
