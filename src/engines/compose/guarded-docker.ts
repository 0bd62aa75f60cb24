/**
 * docker as a run calls it. In: arguments. Out: what it printed. The guardian knows every call under way, so that one
 * which still creates things ends before it removes them; an abort ends the call at once.
 */
import { once } from 'node:events'
import type { Docker, DockerCall } from '../../kit/docker.ts'
import { abortReason, DockerFailure, linesOf } from '../../kit/docker.ts'
import { HeadroomError } from '../../kit/errors.ts'
import type { Daemon } from '../../kit/process.ts'
import { spawnDaemon } from '../../kit/process.ts'

/** @throws DockerFailure, or the signal's reason */
export const guardedDocker: Docker = async (args, call = {}) => {
  call.signal?.throwIfAborted()
  await using daemon = await spawnDocker(args, call)
  const { child } = daemon
  let output = ''
  let said = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  const end = (): void => {
    void daemon.kill()
  }
  call.signal?.addEventListener('abort', end, { once: true })
  try {
    await once(child, 'close')
  } finally {
    call.signal?.removeEventListener('abort', end)
  }
  const exit = daemon.exit()
  if (exit?.how === 'code' && exit.code === 0) return output
  if (call.signal?.aborted === true) throw abortReason(call.signal)
  throw new DockerFailure('failed', args, linesOf(said))
}

/** A docker command that stays: events, or a log that is followed into a file. */
export async function spawnDocker(
  args: readonly string[],
  { env, logFile }: Pick<DockerCall, 'env'> & { readonly logFile?: string },
): Promise<Daemon> {
  try {
    return await spawnDaemon({
      name: `docker ${args[0] ?? ''}`,
      command: 'docker',
      args,
      logFile: logFile ?? null,
      ...(env === undefined ? {} : { env }),
      graceMs: 1_000,
    })
  } catch (error) {
    // The only way in which spawning fails without a pid: there is no such program.
    if (error instanceof HeadroomError) throw new DockerFailure('missing', args, [])
    throw error
  }
}
