/**
 * Daemons: long-lived child processes in a group of their own. In: a command, a log file, a way to tell that it is
 * ready. Out: a running daemon that stops cleanly, or by force, and never outlives this process.
 */
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { HeadroomError } from './errors.ts'
import { ensureGuardian, unwatchProcess, watchProcess } from './guardian.ts'
import { killTree, signalPid, signalTree } from './process-kill.ts'
import type { ProcessIdentity } from './process-table.ts'
import { identityOf, livePids } from './process-table.ts'
import { inheritedEnv } from './withheld.ts'

export interface DaemonOptions {
  /** What messages call it: `postgres`, `pg-direct service`. */
  readonly name: string
  readonly command: string
  /** Visible to every user of the machine: never a secret. */
  readonly args: readonly string[]
  /** Added to this process's environment, of which a child gets everything but the user's own database secrets. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  /** stdout and stderr are appended here; null lets the caller read them from `child`. */
  readonly logFile: string | null
  /** `pipe` keeps a pipe open whose end tells the daemon that we are gone. */
  readonly stdin?: 'ignore' | 'pipe'
  /** Adds an IPC channel: `child.send` and `child.on('message')`. */
  readonly ipc?: boolean
  readonly stopSignal?: NodeJS.Signals
  /** How long a clean stop may take before SIGKILL. Default 10,000. */
  readonly graceMs?: number
}

export type DaemonExit =
  | { readonly how: 'code'; readonly code: number }
  | { readonly how: 'signal'; readonly signal: string }

export interface Daemon extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  readonly child: ChildProcess
  /** Resolves when the process has ended, for whatever reason; never rejects. */
  readonly exited: Promise<DaemonExit>
  /** null while it runs. */
  exit(): DaemonExit | null
  /** Whether somebody asked it to end through this object. */
  stopping(): boolean
  /** Live pids of it and its descendants. */
  pids(): readonly number[]
  /** Last lines that this daemon wrote to its log file; empty where it has none. */
  logTail(lines?: number): readonly string[]
  /** Asks it to end, waits `graceMs`, then kills the whole tree. Idempotent. */
  stop(): Promise<void>
  /** SIGKILLs the whole tree at once and waits until it is gone. */
  kill(): Promise<void>
  freeze(): void
  thaw(): void
}

/** What can be known of a life that somebody watches: of a process, or of a container. */
export type Watched = Pick<Daemon, 'name' | 'exit' | 'exited' | 'stopping' | 'logTail'>

const GRACE_MS = 10_000
const LOG_TAIL_BYTES = 65_536

/** Starts a daemon; it is registered with the guardian before this returns. @throws ENGINE_MISSING, plain errors */
export async function spawnDaemon(options: DaemonOptions): Promise<Daemon> {
  ensureGuardian()
  const logFrom = options.logFile === null ? 0 : sizeOf(options.logFile)
  const child = spawnChild(options)
  const { pid } = child
  if (pid === undefined) throw await spawnError(child, options)
  const identity = identityOf(pid) ?? { pid, start: '', command: '' }
  watchProcess(options.name, identity)
  return new SpawnedDaemon({ options, child, identity, logFrom })
}

/**
 * Polls until `ready` answers true.
 * @throws HeadroomError ENGINE_NOT_READY or `code` when the daemon ends first or time runs out; its log is quoted
 */
export async function waitUntilReady(
  daemon: Watched,
  ready: (signal: AbortSignal) => Promise<boolean>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs
  for (;;) {
    options.signal.throwIfAborted()
    const exit = daemon.exit()
    if (exit !== null) {
      throw new HeadroomError(
        'ENGINE_NOT_READY',
        `${daemon.name} ended ${sayExit(exit)} while starting`,
        {
          hint: daemon.logTail(8).join('\n'),
        },
      )
    }
    if (await ready(options.signal)) return
    if (performance.now() > deadline) {
      throw new HeadroomError(
        'ENGINE_NOT_READY',
        `${daemon.name} did not answer within ${String(options.timeoutMs / 1_000)} s`,
        { hint: daemon.logTail(8).join('\n') },
      )
    }
    await Promise.race([delay(10), daemon.exited])
  }
}

export function sayExit(exit: DaemonExit): string {
  return exit.how === 'code' ? `with exit code ${String(exit.code)}` : `by ${exit.signal}`
}

class SpawnedDaemon implements Daemon {
  readonly name: string
  readonly pid: number
  readonly child: ChildProcess
  readonly exited: Promise<DaemonExit>
  readonly #identity: ProcessIdentity
  readonly #options: DaemonOptions
  readonly #logFrom: number
  #exit: DaemonExit | null = null
  #stop: Promise<void> | null = null

  constructor(made: {
    readonly options: DaemonOptions
    readonly child: ChildProcess
    readonly identity: ProcessIdentity
    readonly logFrom: number
  }) {
    this.#options = made.options
    this.#logFrom = made.logFrom
    this.#identity = made.identity
    this.name = made.options.name
    this.pid = made.identity.pid
    this.child = made.child
    this.exited = new Promise((resolve) => {
      made.child.once('exit', (code, signal) => {
        this.#exit =
          code === null ? { how: 'signal', signal: signal ?? 'SIGKILL' } : { how: 'code', code }
        // It stays watched until `stop`: one that ended by itself may have left descendants.
        resolve(this.#exit)
      })
    })
  }

  exit(): DaemonExit | null {
    return this.#exit
  }

  stopping(): boolean {
    return this.#stop !== null
  }

  pids(): readonly number[] {
    return this.#exit === null ? livePids(this.pid) : []
  }

  logTail(lines = 20): readonly string[] {
    const { logFile } = this.#options
    return logFile === null ? [] : tailOf(logFile, this.#logFrom).slice(-lines)
  }

  stop(): Promise<void> {
    this.#stop ??= this.#stopCleanly()
    return this.#stop
  }

  async kill(): Promise<void> {
    const killing = this.#killAll()
    this.#stop ??= killing
    await killing
  }

  freeze(): void {
    signalTree(this.#identity, 'SIGSTOP')
  }

  thaw(): void {
    signalTree(this.#identity, 'SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stopCleanly(): Promise<void> {
    if (this.#exit === null) {
      // A frozen process cannot act on a signal.
      this.thaw()
      if (this.#options.stdin === 'pipe') this.child.stdin?.end()
      signalPid(this.pid, this.#options.stopSignal ?? 'SIGTERM')
      const given = new AbortController()
      const grace = delay(this.#options.graceMs ?? GRACE_MS, undefined, { signal: given.signal })
      await Promise.race([this.exited, grace])
      given.abort()
      grace.catch(() => undefined)
    }
    await this.#killAll()
  }

  async #killAll(): Promise<void> {
    await killTree(this.#identity)
    await this.exited
    unwatchProcess(this.pid)
  }
}

function spawnChild(options: DaemonOptions): ChildProcess {
  if (options.logFile !== null) mkdirSync(dirname(options.logFile), { recursive: true })
  const log = options.logFile === null ? 'pipe' : openSync(options.logFile, 'a', 0o644)
  const stdio: StdioOptions = [options.stdin ?? 'ignore', log, log]
  if (options.ipc === true) stdio.push('ipc')
  try {
    return spawn(options.command, options.args, {
      stdio,
      detached: true,
      env: { ...inheritedEnv(), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    })
  } finally {
    if (typeof log === 'number') closeSync(log)
  }
}

async function spawnError(child: ChildProcess, options: DaemonOptions): Promise<Error> {
  const cause = await new Promise<Error>((resolve) => child.once('error', resolve))
  return new HeadroomError(
    'ENGINE_MISSING',
    `${options.name} cannot be started: ${cause.message}`,
    {
      cause,
    },
  )
}

/** The last lines that were written after byte `from`. */
function tailOf(file: string, from: number): readonly string[] {
  const size = sizeOf(file)
  const start = Math.max(from, size - LOG_TAIL_BYTES)
  if (size <= start) return []
  const buffer = Buffer.alloc(size - start)
  const fd = openSync(file, 'r')
  try {
    const text = buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, start))
    return text.trimEnd().split('\n')
  } finally {
    closeSync(fd)
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
