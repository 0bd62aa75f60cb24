/**
 * Starts one process of an architecture on the host. In: an entry file and its configuration. Out: a part with the
 * address the process printed. The configuration may hold secrets: it travels in the environment and is never logged.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LaunchedPart, LaunchOptions } from '../architecture/architecture.ts'
import type { PartFault } from '../architecture/part.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { compiledEntry } from '../kit/paths.ts'
import type { Daemon } from '../kit/process.ts'
import { sayExit, spawnDaemon, waitUntilReady } from '../kit/process.ts'

const READY_TIMEOUT_MS = 30_000
const STOP_GRACE_MS = 10_000

export interface LaunchContext {
  readonly logDir: string
  readonly signal: AbortSignal
  readonly log: Log
}

/** A launched process with what the runner needs beside the contract: its end, asked for or not. */
export interface LaunchedService extends LaunchedPart, AsyncDisposable {
  /** Resolves with a sentence when the process ends without being asked to; never rejects. */
  readonly crashed: Promise<string>
}

/** One replica; `options.replicas` is the caller's loop. @throws HeadroomError SERVICE_NOT_READY with the log's end */
export async function launchService(
  options: Omit<LaunchOptions, 'replicas'>,
  context: LaunchContext,
): Promise<LaunchedService> {
  const service = new HostService(options, context)
  await service.start(0)
  return service
}

class HostService implements LaunchedService {
  readonly name: string
  readonly kind: 'service' | 'worker'
  readonly crashed: Promise<string>
  url: URL | null = null
  readonly #options: Omit<LaunchOptions, 'replicas'>
  readonly #context: LaunchContext
  #daemon: Daemon | null = null
  #faulted = false
  #sayCrashed: (sentence: string) => void = () => undefined

  constructor(options: Omit<LaunchOptions, 'replicas'>, context: LaunchContext) {
    this.#options = options
    this.#context = context
    this.name = options.name
    this.kind = options.name.startsWith('worker') ? 'worker' : 'service'
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
      env: { HEADROOM_CONFIG: JSON.stringify({ ...asObject(this.#options.config), port }) },
      logFile,
      stdin: 'pipe',
      graceMs: STOP_GRACE_MS,
    })
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

  pids(): readonly number[] {
    return this.#daemon?.pids() ?? []
  }

  async fault(fault: PartFault): Promise<void> {
    const daemon = this.#daemon
    if (daemon === null) throw new Error(`${this.name} was never started`)
    switch (fault) {
      case 'kill':
        this.#faulted = true
        await daemon.kill()
        return
      case 'freeze':
        daemon.freeze()
        return
      case 'thaw':
        daemon.thaw()
        return
      case 'restart':
        this.#faulted = true
        await daemon.kill()
        await this.start(Number(this.url?.port ?? 0))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.stop()
  }

  #readReadyLine(logFile: string, from: number): boolean {
    const lines = readFileSync(logFile).subarray(from).toString('utf8').split('\n')
    // The last piece may be half a line.
    const ready = lines.slice(0, -1).find((line) => line.startsWith('{"ready":true'))
    if (ready === undefined) return false
    const { url } = JSON.parse(ready) as { readonly url?: string }
    this.url = url === undefined ? null : new URL(url)
    return true
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function asObject(config: unknown): Record<string, unknown> {
  if (typeof config !== 'object' || config === null)
    throw new Error('a launch configuration is an object')
  return config as Record<string, unknown>
}
