/**
 * Starts one process of an architecture on the host. In: an entry file and its configuration. Out: a part with the
 * address the process printed. The configuration may hold secrets: it travels in the environment and is never logged.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { PartFault } from '../architecture/part.ts'
import { faultDaemon } from '../engines/daemon-fault.ts'
import { HeadroomError } from '../kit/errors.ts'
import { compiledEntry } from '../kit/paths.ts'
import type { Daemon } from '../kit/process.ts'
import { sayExit, spawnDaemon, waitUntilReady } from '../kit/process.ts'
import type { LaunchContext, LaunchedService, Launcher, LaunchWish } from './launch.ts'
import { configObject, partKind, readReadyLine } from './launch.ts'

const READY_TIMEOUT_MS = 30_000
const STOP_GRACE_MS = 10_000

/** One process per launch. @throws HeadroomError SERVICE_NOT_READY with the log's end */
export function hostLauncher(context: LaunchContext): Launcher {
  return async (wish) => {
    const service = new HostService(wish, context)
    await service.start(0)
    return service
  }
}

class HostService implements LaunchedService {
  readonly name: string
  readonly kind: 'service' | 'worker'
  /** One event loop. */
  readonly coresMax = 1
  readonly crashed: Promise<string>
  url: URL | null = null
  readonly #options: LaunchWish
  readonly #context: LaunchContext
  #daemon: Daemon | null = null
  #faulted = false
  #sayCrashed: (sentence: string) => void = () => undefined

  constructor(options: LaunchWish, context: LaunchContext) {
    this.#options = options
    this.#context = context
    this.name = options.name
    this.kind = partKind(options.name)
    this.crashed = new Promise((resolve) => (this.#sayCrashed = resolve))
  }

  /** @param port 0 for any; a restart comes back where clients look for it */
  async start(port: number): Promise<void> {
    const logFile = join(this.#context.logDir, `${this.name}.log`)
    const seenBytes = sizeOf(logFile)
    const daemon = await spawnDaemon({
      name: this.name,
      command: process.execPath,
      args: ['--enable-source-maps', compiledEntry(this.#options.entry)],
      // Environments can be listed by others; what is written to a pipe cannot.
      env: { HEADROOM_CONFIG: '-' },
      logFile,
      stdin: 'pipe',
      graceMs: STOP_GRACE_MS,
    })
    const config = { ...configObject(this.#options.config), port }
    // One that ends before it has read this says why in its log.
    daemon.child.stdin?.on('error', () => undefined).write(`${JSON.stringify(config)}\n`)
    this.#daemon = daemon
    this.#faulted = false
    try {
      await waitUntilReady(daemon, () => Promise.resolve(this.#readReadyLine(logFile, seenBytes)), {
        timeoutMs: READY_TIMEOUT_MS,
        signal: this.#context.signal,
      })
    } catch (error) {
      await daemon.kill()
      if (error instanceof HeadroomError && error.code === 'ENGINE_NOT_READY') {
        throw new HeadroomError('SERVICE_NOT_READY', error.message, {
          hint: error.hint ?? `see ${logFile}`,
          cause: error,
        })
      }
      throw error
    }
    void daemon.exited.then((exit) => {
      if (daemon.stopping() || this.#faulted || this.#daemon !== daemon) return
      this.#sayCrashed(`${this.name} ended ${sayExit(exit)}: ${daemon.logTail(3).join(' | ')}`)
    })
  }

  /** Everything here is on one host. */
  get peerUrl(): URL | null {
    return this.url
  }

  pids(): readonly number[] {
    return this.#daemon?.pids() ?? []
  }

  fault(fault: PartFault): Promise<void> {
    const daemon = this.#daemon
    if (daemon !== null && (fault === 'kill' || fault === 'restart')) this.#faulted = true
    const restart = (): Promise<void> => this.start(Number(this.url?.port ?? 0))
    return faultDaemon({ name: this.name, daemon, restart }, fault)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.stop()
  }

  #readReadyLine(logFile: string, from: number): boolean {
    const ready = readReadyLine(readFileSync(logFile).subarray(from).toString('utf8'))
    if (ready === null) return false
    this.url = ready.url
    return true
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
