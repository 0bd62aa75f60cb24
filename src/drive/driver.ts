/**
 * The harness's side of the driver. In: a job. Out: a running driver process that is told when to go, says what it
 * sees, and brings one result home. When it dies first, that is an error of ours and never a result.
 */
import type { Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import type { Part, PartFault } from '../architecture/part.ts'
import { saysDiskFull } from '../kit/disk.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { compiledEntry } from '../kit/paths.ts'
import type { Daemon } from '../kit/process.ts'
import { sayExit, spawnDaemon } from '../kit/process.ts'
import type {
  DriverJob,
  DriverResult,
  DriverWindow,
  FromDriver,
  QueryResult,
  ToDriver,
} from './job.ts'

/**
 * V8 doubles its young generation whenever much of it survives, up to 2 × 16 MB, at moments of its own choosing: half
 * an hour into a run the driver's memory still took steps. It gets all of it at once, so that growth means a leak.
 */
const STEADY_MEMORY = ['--min-semi-space-size=16', '--max-semi-space-size=16']

export interface StartDriverOptions {
  /** Ends the driver at once, without a result. For an orderly end use `stop`. */
  readonly signal: AbortSignal
  readonly log: Log
  readonly onWindow: (window: DriverWindow) => void
  readonly onQuery: (query: QueryResult) => void
}

export interface RunningDriver extends AsyncDisposable {
  readonly part: Part
  /** The schedule's zero is at this wall-clock moment; a few hundred milliseconds ahead is enough. */
  go(epochMs: number): void
  /** No further event becomes due; `result` follows within the job's drain time. */
  stop(): void
  /** Rejects with DRIVER_CRASHED or DISK_FULL, or with the signal's reason. */
  readonly result: Promise<DriverResult>
}

/** @throws HeadroomError BAD_INPUT for an address the client cannot reach; DRIVER_CRASHED; the signal's reason */
export async function startDriver(
  job: DriverJob,
  options: StartDriverOptions,
): Promise<RunningDriver> {
  options.signal.throwIfAborted()
  mustSuit(job)
  const daemon = await spawnDaemon({
    name: 'driver',
    command: process.execPath,
    args: [...STEADY_MEMORY, '--enable-source-maps', compiledEntry('src/drive/main.ts')],
    logFile: null,
    ipc: true,
    graceMs: 2_000,
  })
  const driver = new DriverProcess(daemon, options)
  try {
    await driver.prepare(job)
  } catch (error) {
    await driver[Symbol.asyncDispose]()
    throw error
  }
  return driver
}

class DriverProcess implements RunningDriver {
  readonly part: Part
  readonly result: Promise<DriverResult>
  readonly #daemon: Daemon
  readonly #options: StartDriverOptions
  readonly #ready: Promise<void>
  readonly #lastLines: string[] = []
  #onReady: () => void = () => undefined
  #onResult: (result: DriverResult) => void = () => undefined
  #onFailure: (error: unknown) => void = () => undefined
  #isOver = false

  constructor(daemon: Daemon, options: StartDriverOptions) {
    this.#daemon = daemon
    this.#options = options
    this.part = partOf(daemon)
    this.#ready = new Promise((resolve) => (this.#onReady = resolve))
    this.result = new Promise((resolve, reject) => {
      this.#onResult = resolve
      this.#onFailure = reject
    })
    // Who only disposes need not await the result.
    this.result.catch(() => undefined)
    this.#listen()
  }

  async prepare(job: DriverJob): Promise<void> {
    this.#send({ type: 'job', job })
    await Promise.race([this.#ready, this.result])
  }

  go(epochMs: number): void {
    this.#send({ type: 'go', epochMs })
  }

  stop(): void {
    this.#send({ type: 'stop' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#daemon.stop()
  }

  #listen(): void {
    const { child, exited } = this.#daemon
    const { signal } = this.#options
    child.on('message', (message) => {
      this.#hear(message as FromDriver)
    })
    for (const output of [child.stdout, child.stderr]) if (output !== null) this.#relay(output)
    const abort = (): void => {
      this.#onFailure(signal.reason)
      this.#isOver = true
      this.#daemon.kill().catch((error: unknown) => {
        this.#options.log(`driver: could not be ended: ${String(error)}`)
      })
    }
    signal.addEventListener('abort', abort, { once: true })
    void exited.then((exit) => {
      signal.removeEventListener('abort', abort)
      const message = `the driver ended ${sayExit(exit)} before it had a result`
      if (!this.#isOver) this.#fail(message)
      else this.#onFailure(new HeadroomError('INTERRUPTED', message))
    })
  }

  #hear(message: FromDriver): void {
    switch (message.type) {
      case 'ready':
        this.#onReady()
        break
      case 'window':
        this.#options.onWindow(message.window)
        break
      case 'query':
        this.#options.onQuery(message.query)
        break
      case 'done':
        this.#isOver = true
        this.#onResult(message.result)
        break
      case 'failed':
        this.#isOver = true
        this.#fail(message.message)
    }
  }

  #fail(message: string): void {
    const code = saysDiskFull(message) ? 'DISK_FULL' : 'DRIVER_CRASHED'
    const hint = this.#lastLines.join('\n')
    this.#onFailure(new HeadroomError(code, message, hint === '' ? {} : { hint }))
  }

  #relay(output: Readable): void {
    createInterface({ input: output }).on('line', (line) => {
      this.#options.log(`driver: ${line}`)
      this.#lastLines.push(line)
      if (this.#lastLines.length > 8) this.#lastLines.shift()
    })
  }

  #send(message: ToDriver): void {
    if (!this.#daemon.child.connected) return
    this.#daemon.child.send(message, (error) => {
      if (error !== null) this.#options.log(`driver: could not be told: ${error.message}`)
    })
  }
}

function partOf(daemon: Daemon): Part {
  return {
    name: 'driver',
    kind: 'driver',
    pids: () => daemon.pids(),
    fault: async (fault: PartFault) => {
      switch (fault) {
        case 'kill':
          await daemon.kill()
          break
        case 'freeze':
          daemon.freeze()
          break
        case 'thaw':
          daemon.thaw()
          break
        case 'restart':
          throw new Error('a driver that was ended has lost its schedule: start another run')
      }
    },
  }
}

function mustSuit({ url, client, writes }: DriverJob): void {
  if (writes !== undefined) return
  const { protocol } = new URL(url)
  if (protocol === 'http:' || (protocol === 'https:' && client === 'undici')) return
  const hint =
    protocol === 'https:'
      ? 'set client: undici in the scenario'
      : 'use an http:// or https:// address'
  throw new HeadroomError('BAD_INPUT', `the ${client} client does not speak ${protocol}`, { hint })
}
