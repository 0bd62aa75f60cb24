/**
 * One local PgBouncer process. In: a program, settings, the server behind it. Out: a pooler that answers, that can be killed,
 * frozen and started again on the same port. Its files hold passwords: only the account it runs under can read them.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import type { Part, PartFault } from '../../architecture/part.ts'
import { HeadroomError } from '../../kit/errors.ts'
import type { Daemon } from '../../kit/process.ts'
import { spawnDaemon, waitUntilReady } from '../../kit/process.ts'
import { CrashWatch } from '../crash-watch.ts'
import { faultDaemon } from '../daemon-fault.ts'
import type { EngineSettings, PostgresAddress } from '../engine.ts'
import type { ProgramCommand } from '../packages/installed.ts'
import { withClient } from '../postgres/connection.ts'
import type { Account } from '../unprivileged.ts'
import { unprivileged } from '../unprivileged.ts'
import { CONSOLE } from './console.ts'
import { databaseLines, iniText, userLine } from './settings.ts'

const READY_TIMEOUT_MS = 30_000
/** SIGQUIT ends it at once, with every client. */
const STOP_GRACE_MS = 5_000

export interface ServerOptions {
  readonly name: string
  readonly program: ProgramCommand
  readonly dir: string
  readonly settings: EngineSettings
  readonly server: PostgresAddress
  readonly port: number
  readonly logFile: string
  readonly signal: AbortSignal
}

export class PgBouncerServer implements Part, AsyncDisposable {
  readonly name: string
  readonly kind = 'engine'
  /** What the service is given. */
  readonly address: PostgresAddress
  /** Its console, which the service's own user may not use. */
  readonly console: PostgresAddress
  readonly #options: ServerOptions
  readonly #watch: CrashWatch
  readonly #file: string
  readonly #account: Account
  #daemon: Daemon | null = null

  constructor(options: ServerOptions) {
    this.#options = options
    this.name = options.name
    this.#watch = new CrashWatch(options.logFile)
    const here = { host: '127.0.0.1', port: options.port, tls: 'off' } as const
    const { database } = options.server
    this.address = { ...here, user: 'headroom', database, password: drawn() }
    this.console = { ...here, user: 'headroom_harness', database: CONSOLE, password: drawn() }
    const folder = join(options.dir, 'pgbouncer')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#account = unprivileged(options.program, folder)
    this.#file = this.#writeFiles(folder)
  }

  get crashed(): Promise<string> {
    return this.#watch.crashed
  }

  pids(): readonly number[] {
    return this.#daemon?.pids() ?? []
  }

  async start(): Promise<void> {
    const { logFile, signal } = this.#options
    const daemon = await spawnDaemon({
      name: this.name,
      ...this.#account.commandFor([this.#file]),
      cwd: '/',
      env: { LC_ALL: 'C' },
      logFile,
      stopSignal: 'SIGQUIT',
      graceMs: STOP_GRACE_MS,
    })
    this.#daemon = daemon
    try {
      const ready = (within: AbortSignal): Promise<boolean> => answers(this.console, within)
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.stop()
    await this.#daemon?.stop()
  }

  #writeFiles(folder: string): string {
    const { settings, server, port } = this.#options
    const users = this.#write(
      join(folder, 'users.txt'),
      [this.address, this.console]
        .map(({ user, password = '' }) => userLine(user, password))
        .join(''),
    )
    const text = iniText(databaseLines({ server, credentials: true, settings }), {
      ...settings,
      ...serverTls(server, (name, content) => this.#write(join(folder, name), content)),
      listen_addr: '127.0.0.1',
      listen_port: String(port),
      unix_socket_dir: '',
      auth_type: 'scram-sha-256',
      auth_file: users,
      admin_users: this.console.user,
    })
    return this.#write(join(folder, 'pgbouncer.ini'), text)
  }

  #write(file: string, text: string): string {
    writeFileSync(file, text, { mode: 0o600 })
    this.#account.own(file)
    return file
  }
}

function drawn(): string {
  return randomBytes(18).toString('base64url')
}

/** The server behind it is verified as the address says. */
function serverTls(
  { tls }: PostgresAddress,
  write: (name: string, text: string) => string,
): EngineSettings {
  if (tls === 'off') return { server_tls_sslmode: 'disable' }
  return {
    server_tls_sslmode: tls.checkHost ? 'verify-full' : 'verify-ca',
    server_tls_ca_file: write('ca.pem', tls.ca ?? rootCertificates.join('\n')),
    ...(tls.client === null
      ? {}
      : {
          server_tls_cert_file: write('client.pem', tls.client.certificate),
          server_tls_key_file: write('client.key', tls.client.key),
        }),
  }
}

/** Its own console answers without the server behind it. */
export async function answers(console: PostgresAddress, signal: AbortSignal): Promise<boolean> {
  try {
    await withClient(console, signal, (client) => client.query('SHOW VERSION'))
    return true
  } catch {
    // Not yet: the caller knows whether the process still lives and how long it may take.
    return false
  }
}

export function startError(
  error: unknown,
  server: { readonly name: string; readonly logFile: string },
): unknown {
  if (!(error instanceof HeadroomError)) return error
  const said = error.hint ?? ''
  const hint = `the log is ${server.logFile}`
  if (/Address already in use/i.test(said)) {
    return new HeadroomError('PORT_TAKEN', `a port is taken: ${server.name} cannot listen on it`, {
      hint: 'leave out listen_port',
      cause: error,
    })
  }
  const refused = /(?:unknown parameter|invalid value).*/.exec(said)
  if (refused !== null) {
    return new HeadroomError('BAD_INPUT', `${server.name} refuses a setting: ${refused[0]}`, {
      hint,
    })
  }
  return error
}
