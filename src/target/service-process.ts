/**
 * The process behind a service of the user's own, where he says which it is. In: a command, a pid or a pid file. Out: a
 * part whose CPU and memory can be sampled, and a sentence when it ends. Only what was started here is ever ended here.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaunchedPart } from '../architecture/architecture.ts'
import type { PartFault } from '../architecture/part.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import type { Daemon } from '../kit/process.ts'
import { sayExit, spawnDaemon } from '../kit/process.ts'
import { livePids } from '../kit/process-table.ts'
import { textTemplate } from '../shapes/event-template.ts'
import type { ServiceTarget } from './service-target.ts'

const PART = 'service'
const LOOK_EVERY_MS = 1_000

export interface ServiceProcess extends AsyncDisposable {
  readonly part: LaunchedPart
  /** Resolves with a sentence when it ends without being asked to; never rejects. */
  readonly crashed: Promise<string>
  /** How it ended, and what it said last; null while it lives. */
  ended(): string | null
}

export interface ServiceProcessOptions {
  readonly name: string
  readonly logDir: string
  readonly constants: Readonly<Record<string, string>>
}

/** @throws HeadroomError ENGINE_MISSING for a command that cannot be started, BAD_INPUT for a pid that does not live */
export async function openServiceProcess(
  described: NonNullable<ServiceTarget['process']>,
  options: ServiceProcessOptions,
): Promise<ServiceProcess> {
  if (!('command' in described)) return watchPid(described)
  const [command = '', ...args] = described.command
  const env = Object.entries(described.env).map(([name, text]): [string, string] => [
    name,
    textTemplate(text, options.constants)({}),
  ])
  const daemon = await spawnDaemon({
    name: options.name,
    command,
    args,
    cwd: described.cwd,
    env: Object.fromEntries(env),
    logFile: join(options.logDir, `${PART}.log`),
  }).catch((error: unknown) => {
    throw notStarted(error, command, described.cwd)
  })
  return new StartedProcess(daemon)
}

function notStarted(error: unknown, command: string, cwd: string): unknown {
  if (!(error instanceof HeadroomError)) return error
  const remedy = existsSync(cwd)
    ? 'a command with a / is looked for from there, one without in PATH; it must be there and executable. process.cwd is relative to the target file'
    : 'there is no such folder: process.cwd is relative to the target file'
  return new HeadroomError(error.code, `${error.message}, in ${cwd}`, {
    hint: `process.command begins with ${command}: ${remedy}`,
    cause: error,
  })
}

class StartedProcess implements ServiceProcess {
  readonly part: LaunchedPart
  readonly crashed: Promise<string>
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
    this.part = partOf(() => daemon.pids())
    this.crashed = new Promise((resolve) => {
      void daemon.exited.then(() => {
        const sentence = this.ended()
        if (sentence !== null) resolve(sentence)
      })
    })
  }

  ended(): string | null {
    const exit = this.#daemon.exit()
    if (exit === null || this.#daemon.stopping()) return null
    return `${this.#daemon.name} ended ${sayExit(exit)}: ${this.#daemon.logTail(3).join(' | ')}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.stop()
  }
}

/** Somebody else's process: looked at, never ended. */
function watchPid(
  described: { readonly pid: number } | { readonly pidFile: string },
): ServiceProcess {
  const pid = 'pid' in described ? described.pid : pidIn(described.pidFile)
  const lives = (): boolean => livePids(pid).length > 0
  if (!lives()) {
    throw new HeadroomError('BAD_INPUT', `no process has the pid ${String(pid)}`, {
      hint: 'name the pid of the running service under process, or take it away: its CPU is then not seen',
    })
  }
  let timer: NodeJS.Timeout | undefined
  const ended = (): string | null => (lives() ? null : `the process ${String(pid)} has ended`)
  const crashed = new Promise<string>((resolve) => {
    timer = setInterval(() => {
      const sentence = ended()
      if (sentence !== null) resolve(sentence)
    }, LOOK_EVERY_MS)
    timer.unref()
  })
  return {
    part: partOf(() => livePids(pid)),
    crashed,
    ended,
    [Symbol.asyncDispose]: () => {
      clearInterval(timer)
      return Promise.resolve()
    },
  }
}

function pidIn(file: string): number {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new HeadroomError(
      'FILE_NOT_FOUND',
      `cannot read the pid file ${file}: ${messageOf(error)}`,
      {
        hint: 'is the service running, and does it write this file?',
      },
    )
  }
  const pid = Number(text.trim())
  if (Number.isInteger(pid) && pid > 0) return pid
  throw new HeadroomError('BAD_INPUT', `the pid file ${file} holds no pid`, {
    hint: 'it should hold one number',
  })
}

function partOf(pids: () => readonly number[]): LaunchedPart {
  return {
    name: PART,
    kind: 'service',
    url: null,
    peerUrl: null,
    pids,
    fault: (fault: PartFault) =>
      Promise.reject(new Error(`${fault}: a service of the user's own is not harmed`)),
  }
}
