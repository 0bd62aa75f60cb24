/**
 * Deaths of a project's containers, as the daemon tells them. In: the project's name. Out: one call per death, and a
 * sentence when the daemon itself goes away.
 */
import { createInterface } from 'node:readline'
import type { Daemon } from '../../kit/process.ts'
import { spawnDocker } from './guarded-docker.ts'

interface DeathEvent {
  readonly id?: string
  readonly Actor?: { readonly Attributes?: { readonly exitCode?: string } }
}

export class ContainerEvents implements AsyncDisposable {
  /** Resolves with a sentence when no more events will come; never rejects. */
  readonly lost: Promise<string>
  readonly #daemon: Daemon
  readonly #waiting = new Map<string, (exitCode: number) => void>()
  /** Some end before anybody could ask. */
  readonly #untold = new Map<string, number>()

  /** @param since of the daemon's own clock */
  static async follow(project: string, since: string): Promise<ContainerEvents> {
    const daemon = await spawnDocker(
      [
        ...['events', '--since', since, '--format', '{{json .}}'],
        ...['--filter', `label=com.docker.compose.project=${project}`, '--filter', 'event=die'],
      ],
      {},
    )
    return new ContainerEvents(daemon)
  }

  private constructor(daemon: Daemon) {
    this.#daemon = daemon
    const { stdout, stderr } = daemon.child
    if (stdout === null) throw new Error('docker events has no output')
    stderr?.resume()
    createInterface({ input: stdout }).on('line', (line) => {
      this.#hear(JSON.parse(line) as DeathEvent)
    })
    this.lost = new Promise((resolve) => {
      void daemon.exited.then(() => {
        if (daemon.stopping()) return
        resolve('the Docker daemon went away, and with it all word of its containers')
      })
    })
  }

  /** Tells the next death of this container, once. */
  onDeath(container: string, tell: (exitCode: number) => void): void {
    const exitCode = this.#untold.get(container)
    this.#untold.delete(container)
    if (exitCode === undefined) this.#waiting.set(container, tell)
    else tell(exitCode)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#waiting.clear()
    await this.#daemon.kill()
  }

  #hear({ id, Actor }: DeathEvent): void {
    if (id === undefined) return
    const exitCode = Number(Actor?.Attributes?.exitCode ?? Number.NaN)
    const tell = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (tell === undefined) this.#untold.set(id, exitCode)
    else tell(exitCode)
  }
}
