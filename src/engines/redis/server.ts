/**
 * One local Redis process with its data. In: a program, settings, a port. Out: a server that answers, that can be killed,
 * frozen and started again on the same port and data. Its configuration with the password goes through a pipe: it stands in
 * no file and no argument.
 */
import { randomBytes } from 'node:crypto'
import type { Part, PartFault } from '../../architecture/part.ts'
import { saysDiskFull } from '../../kit/disk.ts'
import { HeadroomError } from '../../kit/errors.ts'
import type { Daemon } from '../../kit/process.ts'
import { spawnDaemon, waitUntilReady } from '../../kit/process.ts'
import { CrashWatch } from '../crash-watch.ts'
import { faultDaemon } from '../daemon-fault.ts'
import type { EngineSettings } from '../engine.ts'
import type { ProgramCommand } from '../packages/installed.ts'
import type { RedisAddress } from './address.ts'
import { withRedis } from './connection.ts'
import { configLines } from './settings.ts'

const READY_TIMEOUT_MS = 30_000
/** The whole log is read again. */
const RECOVERY_TIMEOUT_MS = 300_000
const STOP_GRACE_MS = 10_000

export interface ServerOptions {
  readonly name: string
  readonly program: ProgramCommand
  readonly dir: string
  readonly settings: EngineSettings
  readonly port: number
  readonly logFile: string
  readonly signal: AbortSignal
}

export class RedisServer implements Part, AsyncDisposable {
  readonly name: string
  readonly kind = 'engine'
  readonly address: RedisAddress
  readonly #options: ServerOptions
  readonly #watch: CrashWatch
  #daemon: Daemon | null = null

  constructor(options: ServerOptions) {
    this.#options = options
    this.name = options.name
    this.#watch = new CrashWatch(options.logFile)
    this.address = {
      host: '127.0.0.1',
      port: options.port,
      database: 0,
      password: randomBytes(18).toString('base64url'),
      tls: 'off',
    }
  }

  get crashed(): Promise<string> {
    return this.#watch.crashed
  }

  pids(): readonly number[] {
    return this.#daemon?.pids() ?? []
  }

  async start(timeoutMs: number = READY_TIMEOUT_MS): Promise<void> {
    const { program, dir, logFile, signal } = this.#options
    const daemon = await spawnDaemon({
      name: this.name,
      command: program.command,
      args: [...program.args, '-'],
      cwd: dir,
      env: { LC_ALL: 'C' },
      logFile,
      stdin: 'pipe',
      graceMs: STOP_GRACE_MS,
    })
    this.#daemon = daemon
    // One that ends before it has read everything says why in its log.
    daemon.child.stdin?.on('error', () => undefined)
    daemon.child.stdin?.end(this.#configuration())
    try {
      await waitUntilReady(daemon, (within) => answers(this.address, within), { timeoutMs, signal })
    } catch (error) {
      await daemon.kill()
      throw startError(error, this.#options)
    }
    this.#watch.follow(daemon)
  }

  fault(fault: PartFault): Promise<void> {
    const restart = (): Promise<void> => this.start(RECOVERY_TIMEOUT_MS)
    return faultDaemon({ name: this.name, daemon: this.#daemon, restart }, fault)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.stop()
    await this.#daemon?.stop()
  }

  #configuration(): string {
    const { settings, port, dir } = this.#options
    return configLines({
      ...settings,
      bind: '127.0.0.1',
      port: String(port),
      dir: JSON.stringify(dir),
      requirepass: this.address.password ?? '',
      daemonize: 'no',
      // Whoever watches a process knows it by its command line.
      'set-proc-title': 'no',
    })
  }
}

/** The port is open long before the log has been read. */
export async function answers(address: RedisAddress, signal: AbortSignal): Promise<boolean> {
  try {
    return await withRedis(address, signal, () => Promise.resolve(true))
  } catch {
    // Not yet: the caller knows whether the process still lives and how long it may take.
    return false
  }
}

/** Redis says in its log why it did not start. */
export function startError(
  error: unknown,
  server: { readonly name: string; readonly logFile: string },
): unknown {
  if (!(error instanceof HeadroomError)) return error
  const said = error.hint ?? ''
  const hint = `the log is ${server.logFile}`
  if (said.includes('Address already in use')) {
    const message = `a port is taken: ${server.name} cannot listen on it`
    return new HeadroomError('PORT_TAKEN', message, { hint: 'leave out the port', cause: error })
  }
  if (saysDiskFull(said)) {
    return new HeadroomError('DISK_FULL', `${server.name} found the disk full while starting`, {
      hint,
    })
  }
  const line = /^>>> '(.*)'\s*\n\s*(.*)$/m.exec(said)
  if (line !== null) {
    // The line of the password is ours and is not refused.
    const message = `${server.name} refuses a setting: ${line[1] ?? ''}: ${line[2] ?? ''}`
    return new HeadroomError('BAD_INPUT', message, { hint })
  }
  return error
}
