/**
 * One local PostgreSQL server process with its data. In: a home, settings, a port. Out: a server that answers queries,
 * that can be killed, frozen and started again on the same port and data, and that leaves nothing behind.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Part, PartFault } from '../../architecture/part.ts'
import { saysDiskFull } from '../../kit/disk.ts'
import { HeadroomError } from '../../kit/errors.ts'
import type { Daemon } from '../../kit/process.ts'
import { spawnDaemon, waitUntilReady } from '../../kit/process.ts'
import type { SharedSegments } from '../../kit/shared-memory.ts'
import { freeSegments, segmentsOf } from '../../kit/shared-memory.ts'
import { CrashWatch } from '../crash-watch.ts'
import { faultDaemon } from '../daemon-fault.ts'
import type { EngineSettings, PostgresAddress } from '../engine.ts'
import type { PostgresHome } from './account.ts'
import { close, connect } from './connection.ts'
import { SUPERUSER } from './initdb.ts'

const READY_TIMEOUT_MS = 30_000
/** Crash recovery replays up to max_wal_size. */
const RECOVERY_TIMEOUT_MS = 300_000
/** A clean stop writes a checkpoint: up to shared_buffers of dirty pages on a slow disk. */
const STOP_GRACE_MS = 30_000

export interface ServerOptions {
  readonly name: string
  readonly home: PostgresHome
  readonly settings: EngineSettings
  readonly port: number
  readonly logFile: string
  /** Of the superuser; a replica has its primary's. */
  readonly password: string
  /** Makes the data folder, which is not there yet. */
  readonly makeData: (made: DataFolder) => Promise<void>
  readonly signal: AbortSignal
}

/** Where a server's data is to be, and what it is reached by. */
export interface DataFolder {
  readonly dir: string
  readonly home: PostgresHome
  readonly address: PostgresAddress
}

export class PostgresServer implements Part, AsyncDisposable {
  readonly name: string
  readonly kind = 'engine'
  readonly address: PostgresAddress
  readonly #options: ServerOptions
  readonly #watch: CrashWatch
  #daemon: Daemon | null = null
  /** What the running server has mapped, and files that its killed predecessors had. */
  #segments: SharedSegments = { systemVIds: [], files: [] }

  constructor(options: ServerOptions) {
    this.#options = options
    this.name = options.name
    this.#watch = new CrashWatch(options.logFile)
    this.address = {
      host: '127.0.0.1',
      port: options.port,
      user: SUPERUSER,
      database: 'postgres',
      password: options.password,
      tls: 'off',
    }
  }

  /** Those of its packages, which a copy of its data needs as well. */
  get extensions(): readonly string[] {
    return this.#options.home.packages.map(({ extension }) => extension)
  }

  get crashed(): Promise<string> {
    return this.#watch.crashed
  }

  /** Makes PGDATA and starts for the first time. */
  async create(): Promise<void> {
    const { home, makeData } = this.#options
    // Of an attempt that lost its port.
    rmSync(this.dataDir, { recursive: true, force: true })
    await makeData({ dir: this.dataDir, home, address: this.address })
    await this.#start(READY_TIMEOUT_MS)
  }

  pids(): readonly number[] {
    return this.#daemon?.pids() ?? []
  }

  fault(fault: PartFault): Promise<void> {
    const restart = (): Promise<void> => this.#start(RECOVERY_TIMEOUT_MS)
    return faultDaemon({ name: this.name, daemon: this.#daemon, restart }, fault)
  }

  /** Its data is gone, as with a disk that fails: it stays down until it is rebuilt. */
  async loseData(): Promise<void> {
    await this.#running().kill()
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  /** @param makeData makes the data folder anew; recovery from it may take as long as from a crash */
  async rebuild(makeData: ServerOptions['makeData']): Promise<void> {
    await this.loseData()
    await makeData({ dir: this.dataDir, home: this.#options.home, address: this.address })
    await this.#start(RECOVERY_TIMEOUT_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.stop()
    await this.#daemon?.stop()
    // A clean stop has freed its own; what was killed leaves that to us.
    const killed = this.#daemon?.exit()?.how === 'signal'
    freeSegments({ ...this.#segments, ...(killed ? {} : { systemVIds: [] }) })
  }

  get home(): PostgresHome {
    return this.#options.home
  }

  get dataDir(): string {
    return join(this.#options.home.dir, 'pgdata')
  }

  #running(): Daemon {
    if (this.#daemon === null) throw new Error(`${this.name} was never started`)
    return this.#daemon
  }

  async #start(timeoutMs: number): Promise<void> {
    const { home, settings, port, logFile, signal } = this.#options
    const parameters = Object.entries({ ...settings, port: String(port) })
    const { env, ...command } = home.commandFor('postgres', [
      ...['-D', this.dataDir],
      ...parameters.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ])
    const daemon = await spawnDaemon({
      name: this.name,
      ...command,
      env: { ...env, LC_ALL: 'C' },
      cwd: '/',
      logFile,
      // SIGINT is "fast": sessions are ended, a last checkpoint is written.
      stopSignal: 'SIGINT',
      graceMs: STOP_GRACE_MS,
    })
    this.#daemon = daemon
    try {
      await waitUntilReady(daemon, () => answers(this.address), { timeoutMs, signal })
    } catch (error) {
      await daemon.kill()
      throw startError(error, { name: this.name, port, logFile })
    }
    const { systemVIds, files } = segmentsOf([daemon.pid])
    this.#segments = { systemVIds, files: [...this.#segments.files, ...files] }
    this.#watch.follow(daemon)
  }
}

/** Ready is what answers a SELECT: the port is open long before recovery has ended. */
export async function answers(address: PostgresAddress): Promise<boolean> {
  try {
    const client = await connect(address)
    try {
      await client.query('SELECT 1')
      return true
    } finally {
      await close(client)
    }
  } catch {
    // Not yet: the caller knows whether the process still lives and how long it may take.
    return false
  }
}

/** PostgreSQL says in its log why it did not start. */
export function startError(
  error: unknown,
  server: { readonly name: string; readonly port: number; readonly logFile: string },
): unknown {
  if (!(error instanceof HeadroomError)) return error
  const said = error.hint ?? ''
  const hint = `the log is ${server.logFile}`
  const setting =
    /(unrecognized configuration parameter|invalid value for parameter|parameter) "[^"]+".*|is outside the valid range.*/.exec(
      said,
    )
  if (said.includes('Address already in use')) {
    const message = `port ${String(server.port)} is taken: ${server.name} cannot listen on 127.0.0.1`
    return new HeadroomError('PORT_TAKEN', message, {
      hint: 'leave the setting `port` out',
      cause: error,
    })
  }
  if (saysDiskFull(said)) {
    return new HeadroomError('DISK_FULL', `${server.name} found the disk full while starting`, {
      hint,
    })
  }
  if (setting !== null) {
    return new HeadroomError('BAD_INPUT', `${server.name} refuses a setting: ${setting[0]}`, {
      hint,
    })
  }
  return error
}
