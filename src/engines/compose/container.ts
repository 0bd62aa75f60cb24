/**
 * One container as a part of a run. In: a project and what is wanted of it. Out: a part that can be killed, frozen and
 * started again on the same port and data, whose processes are seen from the host and whose log stays with the run.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Part, PartFault } from '../../architecture/part.ts'
import { HeadroomError } from '../../kit/errors.ts'
import type { Daemon, DaemonExit, Watched } from '../../kit/process.ts'
import { waitUntilReady } from '../../kit/process.ts'
import { CrashWatch } from '../crash-watch.ts'
import type { EngineFacts, EngineImage } from '../engine.ts'
import type { ContainerProcesses } from './container-processes.ts'
import { processesOf } from './container-processes.ts'
import { guardedDocker, spawnDocker } from './guarded-docker.ts'
import type { ComposeProject, ServiceWish, StartedContainer } from './project.ts'

/** The last words of a container that ended are still on their way for a moment. */
const LAST_WORDS_MS = 1_000
const DEFAULT_GRACE_S = 10
const STATE_FORMAT =
  '{{.State.StartedAt}}|{{.State.Pid}}|{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'

export interface ContainerWish extends ServiceWish {
  /** Unique in the run: names the part and its log file. */
  readonly name: string
  readonly kind: Part['kind']
  /** What its program can use by itself; absent: whatever its container may. */
  readonly coresMax?: number
  /** Whether it answers what it is there for. */
  readonly ready: (signal: AbortSignal, life: Watched) => Promise<boolean>
  readonly readyTimeoutMs: number
  /** After a kill: recovery takes longer than a first start. */
  readonly recoveryTimeoutMs: number
  /** Before a stop becomes a kill. */
  readonly stopGraceS?: number
  /** Says in the user's words why it did not start. */
  readonly startError?: (error: HeadroomError) => HeadroomError
}

export class Container implements Part, AsyncDisposable {
  readonly name: string
  readonly kind: Part['kind']
  readonly logFile: string
  readonly id: string
  readonly image: EngineImage
  readonly limits: EngineFacts
  readonly coresMax?: number
  readonly crashed: Promise<string>
  readonly #project: ComposeProject
  readonly #wish: ContainerWish
  readonly #watch: CrashWatch
  #life: ContainerLife | null = null
  #frozen = false

  /** @throws HeadroomError ENGINE_NOT_READY, or what `startError` makes of it; and all that `project.start` throws */
  static async start(project: ComposeProject, wish: ContainerWish): Promise<Container> {
    const started = await project.start(wish)
    const container = new Container(project, wish, started)
    try {
      await container.#begin(wish.readyTimeoutMs)
    } catch (error) {
      await container[Symbol.asyncDispose]()
      throw error
    }
    return container
  }

  private constructor(project: ComposeProject, wish: ContainerWish, started: StartedContainer) {
    this.#project = project
    this.#wish = wish
    this.name = wish.name
    this.kind = wish.kind
    this.id = started.id
    this.image = started.image
    this.limits = started.limits
    const coresMax = Math.min(
      wish.coresMax ?? Infinity,
      Number(started.limits['cpuLimit'] ?? Infinity),
    )
    if (Number.isFinite(coresMax)) this.coresMax = coresMax
    this.logFile = join(project.options.logDir, `${wish.name}.log`)
    this.#watch = new CrashWatch(this.logFile)
    this.crashed = Promise.race([this.#watch.crashed, project.events.lost])
  }

  pids(): readonly number[] {
    return this.#life?.pids() ?? []
  }

  async fault(fault: PartFault): Promise<void> {
    switch (fault) {
      case 'kill':
        await this.#kill()
        return
      case 'freeze':
        await guardedDocker(['pause', this.id])
        this.#frozen = true
        return
      case 'thaw':
        await this.#thaw()
        return
      case 'restart':
        await this.#kill()
        await this.again()
        return
    }
  }

  /** Stops it cleanly and starts it again: what a changed configuration file needs. */
  async restart(): Promise<void> {
    await this.#stop()
    await this.again()
  }

  /** Starts it again where it was: same data, same ports. */
  async again(): Promise<void> {
    await this.#life?.ended()
    await this.#project.run(['start', this.id])
    await this.#begin(this.#wish.recoveryTimeoutMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.stop()
    await this.#stop()
    await this.#life?.ended()
  }

  async #begin(timeoutMs: number): Promise<void> {
    const { signal } = this.#project.options
    const life = await ContainerLife.follow(this.#project, this)
    this.#life = life
    this.#frozen = false
    try {
      const ready = (within: AbortSignal): Promise<boolean> => this.#wish.ready(within, life)
      await waitUntilReady(life, ready, { timeoutMs, signal })
    } catch (error) {
      const { startError } = this.#wish
      if (error instanceof HeadroomError && startError !== undefined) throw startError(error)
      throw error
    }
    this.#watch.follow(life)
  }

  async #kill(): Promise<void> {
    const life = this.#life
    if (life?.exit() !== null) return
    life.expectEnd()
    // A frozen process does not even die before it is thawed (cgroup v1).
    await this.#thaw()
    await guardedDocker(['kill', '--signal', 'KILL', this.id])
    await Promise.race([life.exited, this.#project.events.lost])
  }

  async #stop(): Promise<void> {
    const life = this.#life
    if (life?.exit() !== null) return
    life.expectEnd()
    await this.#thaw()
    await guardedDocker([
      'stop',
      '--time',
      String(this.#wish.stopGraceS ?? DEFAULT_GRACE_S),
      this.id,
    ])
    await Promise.race([life.exited, this.#project.events.lost])
  }

  async #thaw(): Promise<void> {
    if (!this.#frozen) return
    this.#frozen = false
    await guardedDocker(['unpause', this.id])
  }
}

/** A container between one start and its next end. */
class ContainerLife implements Watched {
  readonly name: string
  readonly exited: Promise<DaemonExit>
  readonly #log: Daemon
  readonly #processes: ContainerProcesses | null
  #exit: DaemonExit | null = null
  #expected = false

  static async follow(
    project: ComposeProject,
    { id, name, logFile }: Container,
  ): Promise<ContainerLife> {
    const [startedAt = '', pid = '0', ip = ''] = (
      await project.run(['inspect', '--format', STATE_FORMAT, id])
    )
      .trim()
      .split('|')
    project.proxies.serve(ip)
    const log = await spawnDocker(['logs', '--follow', '--since', startedAt, id], { logFile })
    // 0 where it has already ended: its exit is told by the events.
    const processes = pid === '0' ? null : processesOf(id, Number(pid))
    if (processes === null && pid !== '0') {
      project.options.log(`${name}: CPU and memory of its container cannot be seen from here`)
    }
    return new ContainerLife(name, { log, processes }, (tell) => {
      project.events.onDeath(id, tell)
    })
  }

  private constructor(
    name: string,
    seen: { readonly log: Daemon; readonly processes: ContainerProcesses | null },
    onDeath: (tell: (exitCode: number) => void) => void,
  ) {
    this.name = name
    this.#log = seen.log
    this.#processes = seen.processes
    this.exited = new Promise((resolve) => {
      onDeath((code) => {
        void Promise.race([this.#log.exited, delay(LAST_WORDS_MS)]).then(() => {
          this.#exit = { how: 'code', code }
          resolve(this.#exit)
        })
      })
    })
  }

  pids(): readonly number[] {
    return this.#exit === null ? (this.#processes?.pids() ?? []) : []
  }

  exit(): DaemonExit | null {
    return this.#exit
  }

  stopping(): boolean {
    return this.#expected
  }

  /** From now on its end is no crash. */
  expectEnd(): void {
    this.#expected = true
  }

  logTail(lines?: number): readonly string[] {
    return this.#log.logTail(lines)
  }

  /** The log is on disk and nobody follows it any more. */
  async ended(): Promise<void> {
    await this.#log.stop()
  }
}
