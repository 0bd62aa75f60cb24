/**
 * One local ClickHouse process with its data. In: folders, settings, a port. Out: a server that answers HTTP, that can
 * be killed, frozen and started again on the same port and data.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part, PartFault } from '../../architecture/part.ts'
import { saysDiskFull } from '../../kit/disk.ts'
import { HeadroomError } from '../../kit/errors.ts'
import { compiledEntry } from '../../kit/paths.ts'
import type { Daemon } from '../../kit/process.ts'
import { spawnDaemon, waitUntilReady } from '../../kit/process.ts'
import { CrashWatch } from '../crash-watch.ts'
import { faultDaemon } from '../daemon-fault.ts'
import type { ClickHouseAddress } from '../engine.ts'
import type { SortedSettings } from './config.ts'
import { configXml, usersXml } from './config.ts'
import { ClickHouseHttp } from './http.ts'

/** Loading half a gigabyte of library from a cold disk takes seconds. */
const READY_TIMEOUT_MS = 60_000
/** The child gives itself 20 s before it ends by force. */
const STOP_GRACE_MS = 25_000

export interface ServerOptions {
  readonly name: string
  /** Path of libchdb. */
  readonly library: string
  readonly dir: string
  readonly settings: SortedSettings
  readonly httpPort: number
  readonly logFile: string
  readonly signal: AbortSignal
}

export class ClickHouseServer implements Part, AsyncDisposable {
  readonly name: string
  readonly kind = 'engine'
  readonly address: ClickHouseAddress
  readonly #options: ServerOptions
  readonly #watch: CrashWatch
  #settings: SortedSettings
  #daemon: Daemon | null = null

  constructor(options: ServerOptions) {
    this.#options = options
    this.#settings = options.settings
    this.name = options.name
    this.#watch = new CrashWatch(options.logFile)
    this.address = {
      url: `http://127.0.0.1:${String(options.httpPort)}`,
      database: 'default',
      user: 'default',
    }
  }

  get crashed(): Promise<string> {
    return this.#watch.crashed
  }

  pids(): readonly number[] {
    return this.#daemon?.pids() ?? []
  }

  /** Starts for the first time, or again after `stop`; settings given once stay in force. */
  async start(settings: SortedSettings = this.#settings): Promise<void> {
    this.#settings = settings
    const { dir, httpPort, logFile, library, signal } = this.#options
    for (const folder of ['data', 'tmp', 'user_files'])
      mkdirSync(join(dir, folder), { recursive: true })
    writeFileSync(join(dir, 'config.xml'), configXml({ dir, logFile, httpPort }, settings))
    writeFileSync(join(dir, 'users.xml'), usersXml(settings))
    const daemon = await spawnDaemon({
      name: this.name,
      command: process.execPath,
      args: [compiledEntry('src/engines/clickhouse/child-main.ts'), dir, library],
      logFile,
      stdin: 'pipe',
      graceMs: STOP_GRACE_MS,
    })
    this.#daemon = daemon
    try {
      await using http = new ClickHouseHttp(this.address)
      const ready = (): Promise<boolean> => answers(http, signal)
      await waitUntilReady(daemon, ready, { timeoutMs: READY_TIMEOUT_MS, signal })
    } catch (error) {
      await daemon.kill()
      throw startError(error, this.#options)
    }
    this.#watch.follow(daemon)
  }

  fault(fault: PartFault): Promise<void> {
    const restart = (): Promise<void> => this.start()
    return faultDaemon({ name: this.name, daemon: this.#daemon, restart }, fault)
  }

  async stop(): Promise<void> {
    this.#watch.stop()
    await this.#daemon?.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

async function answers(http: ClickHouseHttp, signal: AbortSignal): Promise<boolean> {
  try {
    return (await http.text('SELECT 1', { signal })) === '1'
  } catch {
    // Not yet: the caller knows whether the process still lives and how long it may take.
    return false
  }
}

function startError(error: unknown, server: ServerOptions): unknown {
  if (!(error instanceof HeadroomError)) return error
  const said = error.hint ?? ''
  const hint = `the log is ${server.logFile}`
  if (said.includes('Address already in use')) {
    const message = `port ${String(server.httpPort)} is taken: ${server.name} cannot listen on 127.0.0.1`
    return new HeadroomError('PORT_TAKEN', message, { hint: 'leave `http_port` out', cause: error })
  }
  if (saysDiskFull(said)) {
    return new HeadroomError('DISK_FULL', `${server.name} found the disk full while starting`, {
      hint,
    })
  }
  return error
}
