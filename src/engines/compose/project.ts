/**
 * One compose project of one run. In: docker-compose.yml and what the run changes in it. Out: services that run, by
 * container; closing it leaves no container, volume or network, and so does the guardian when Headroom is killed.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { saysDiskFull } from '../../kit/disk.ts'
import type { DockerCall, DockerEnv } from '../../kit/docker.ts'
import {
  dockerEnv,
  DockerFailure,
  PROJECT_PREFIX,
  remainsOf,
  removeProject,
} from '../../kit/docker.ts'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { unwatchProject, watchProject } from '../../kit/guardian.ts'
import type { Log } from '../../kit/log.ts'
import { packageRoot } from '../../kit/paths.ts'
import { Scope } from '../../kit/scope.ts'
import type { EngineFacts, EngineImage, StoringKind } from '../engine.ts'
import type { DockerState } from './availability.ts'
import { requireDocker } from './availability.ts'
import { ContainerEvents } from './container-events.ts'
import { guardedDocker } from './guarded-docker.ts'
import { overrideText } from './override.ts'
import type { ServiceOverride } from './override.ts'
import { PortProxies } from './port-proxies.ts'
import { removeOldImages, SERVICE_IMAGE, serviceImageTag } from './service-image.ts'

export interface ComposeOptions {
  readonly runId: string
  /** The override goes here; removed with the run. */
  readonly dataDir: string
  /** Logs of containers go here and stay. */
  readonly logDir: string
  /** Whether the service under test runs in a container too, and reaches engines by their names. */
  readonly servicesInside: boolean
  /** For tests; the one that Headroom brings along where absent. */
  readonly composeFile?: string
  readonly signal: AbortSignal
  readonly log: Log
}

export interface ServiceWish {
  /** Its name in docker-compose.yml. */
  readonly service: string
  readonly override: ServiceOverride
  /** What the files take from the environment: ports, passwords, configuration. */
  readonly env: DockerEnv
  /** Whether services it depends on are started first; not for what depends on engines that already run. */
  readonly withDependencies: boolean
}

export interface StartedContainer {
  readonly id: string
  readonly image: EngineImage
  /** What docker-compose.yml allows it: `cpus: 2`, `memory: 2147483648`; empty where it sets no limit. */
  readonly limits: EngineFacts
}

const PASSWORD_BYTES = 18

export class ComposeProject implements AsyncDisposable {
  readonly name: string
  readonly events: ContainerEvents
  /** What it costs to reach the containers; no part of any of them. */
  readonly proxies = new PortProxies()
  readonly docker: DockerState
  readonly options: ComposeOptions
  readonly #composeFile: string
  readonly #overrideFile: string
  readonly #services = new Map<string, ServiceOverride>()
  readonly #scope = new Scope()
  /** Made for the run; the first start of any engine writes them all into the run's volume of secrets. */
  readonly passwords: Readonly<Record<StoringKind | 'redis', string>> = {
    postgres: randomBytes(PASSWORD_BYTES).toString('base64url'),
    clickhouse: randomBytes(PASSWORD_BYTES).toString('base64url'),
    redis: randomBytes(PASSWORD_BYTES).toString('base64url'),
  }
  /** Whatever any service was given: a later call must not find another one's definition changed. */
  #env: DockerEnv = {
    HEADROOM_POSTGRES_PASSWORD: this.passwords.postgres,
    HEADROOM_CLICKHOUSE_PASSWORD: this.passwords.clickhouse,
    HEADROOM_REDIS_PASSWORD: this.passwords.redis,
    HEADROOM_IMAGE_TAG: serviceImageTag(process.env['HEADROOM_IMAGE_TAG']),
  }
  /** A call was ended half way: the daemon may still be at work on it. */
  #cut = false

  /** @throws HeadroomError DOCKER_MISSING, DOCKER_NOT_RUNNING, COMPOSE_TOO_OLD */
  static async open(options: ComposeOptions): Promise<ComposeProject> {
    const { signal } = options
    const docker = await requireDocker(guardedDocker, signal)
    const name = projectName(options.runId)
    mkdirSync(options.dataDir, { recursive: true, mode: 0o700 })
    mkdirSync(options.logDir, { recursive: true })
    const events = await ContainerEvents.follow(name, docker.daemonTime)
    // From here on the guardian removes it: nothing has been made yet.
    watchProject({ name, env: dockerEnv(process.env) })
    return new ComposeProject(options, { name, docker, events })
  }

  private constructor(
    options: ComposeOptions,
    made: {
      readonly name: string
      readonly docker: DockerState
      readonly events: ContainerEvents
    },
  ) {
    this.options = options
    this.name = made.name
    this.docker = made.docker
    this.events = made.events
    this.#scope.use(made.events)
    this.#composeFile = options.composeFile ?? join(packageRoot, 'docker-compose.yml')
    this.#overrideFile = join(options.dataDir, 'docker-compose.override.json')
    this.#scope.defer(() => this.#down())
  }

  /**
   * Makes sure that the service's image is here, and starts one container.
   * @throws HeadroomError IMAGE_MISSING, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY
   */
  async start(wish: ServiceWish): Promise<StartedContainer> {
    const { service, override, env, withDependencies } = wish
    this.#services.set(service, override)
    this.#env = { ...this.#env, ...env }
    this.#writeOverride()
    const builds = await this.#tellOfBuild()
    try {
      const dependencies = withDependencies ? [] : ['--no-deps']
      await this.#compose(['up', '--detach', '--quiet-pull', ...dependencies, service])
    } catch (error) {
      throw await this.#startError(error, service)
    }
    if (builds) await removeOldImages()
    const id = (await this.#compose(['ps', '--all', '--quiet', service])).trim()
    return { id, image: await this.#imageOf(id), limits: await this.#limitsOf(id) }
  }

  /** `docker` itself, for one container. An abort of the run ends the call. */
  async run(args: readonly string[]): Promise<string> {
    return await guardedDocker(args, { signal: this.options.signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]()
  }

  /** A build takes minutes, in which nothing else is said. */
  async #tellOfBuild(): Promise<boolean> {
    const image = `${SERVICE_IMAGE}:${this.#env['HEADROOM_IMAGE_TAG'] ?? ''}`
    if ((await this.run(['image', 'ls', '--quiet', image])).trim() !== '') return false
    this.options.log(`building ${image}: once after every change of the code`)
    return true
  }

  #writeOverride(): void {
    const text = overrideText({
      project: this.name,
      composeFile: this.#composeFile,
      services: this.#services,
    })
    writeFileSync(this.#overrideFile, text, { mode: 0o600 })
  }

  async #compose(args: readonly string[], call?: DockerCall): Promise<string> {
    const { signal } = call ?? this.options
    const files = existsSync(this.#overrideFile) ? ['--file', this.#overrideFile] : []
    try {
      return await guardedDocker(
        [
          ...['compose', '--ansi', 'never', '--project-name', this.name],
          // A .env beside the file is the user's, for his own `docker compose up`.
          ...['--project-directory', packageRoot, '--env-file', '/dev/null'],
          ...['--file', this.#composeFile, ...files, ...args],
        ],
        { env: this.#env, ...(signal === undefined ? {} : { signal }) },
      )
    } catch (error) {
      this.#cut ||= signal?.aborted === true
      throw error
    }
  }

  async #startError(error: unknown, service: string): Promise<unknown> {
    if (!(error instanceof DockerFailure)) return error
    const said = error.said.slice(-6).join('\n')
    if (/port is already allocated|address already in use/i.test(said)) {
      return new HeadroomError('PORT_TAKEN', `a port for ${service} is taken: ${lastOf(error)}`)
    }
    if (saysDiskFull(said)) {
      return new HeadroomError('DISK_FULL', `Docker found its disk full: ${lastOf(error)}`, {
        hint: `free some of ${this.docker.dataRoot}: docker system df`,
      })
    }
    const image = await this.#missingImage(service)
    if (image === null) {
      return new HeadroomError(
        'ENGINE_NOT_READY',
        `${service} cannot be started: ${lastOf(error)}`,
        {
          hint: said,
          cause: error,
        },
      )
    }
    const isOurs = image.startsWith(`${SERVICE_IMAGE}:`)
    const verb = isOurs ? 'built' : 'fetched'
    const message = `the image ${image} is not here and cannot be ${verb}: ${lastOf(error)}`
    const fetch = `docker pull ${image} where there is a network, or docker load it from a file`
    return new HeadroomError('IMAGE_MISSING', message, {
      hint: isOurs ? `${said}\nsee docs/docker-compose.md about builds behind a proxy` : fetch,
      cause: error,
    })
  }

  /** The image of a service that is not here; null where it is, or where nobody knows. */
  async #missingImage(service: string): Promise<string | null> {
    try {
      const text = await this.#compose(['config', '--format', 'json', service])
      const config = JSON.parse(text) as {
        readonly services?: Readonly<Record<string, { readonly image?: string }>>
      }
      for (const { image } of Object.values(config.services ?? {})) {
        if (image === undefined) continue
        const found = await this.run(['image', 'ls', '--quiet', image])
        if (found.trim() === '') return image
      }
      return null
    } catch {
      // What could not be started has already said why.
      return null
    }
  }

  async #imageOf(container: string): Promise<EngineImage> {
    const [id = '', name = ''] = (
      await this.run(['inspect', '--format', '{{.Image}}|{{.Config.Image}}', container])
    )
      .trim()
      .split('|')
    const digests = await this.run(['image', 'inspect', '--format', '{{json .RepoDigests}}', id])
    const [repoDigest] = JSON.parse(digests) as readonly string[]
    return { name, id, digest: repoDigest?.split('@')[1] ?? null }
  }

  async #limitsOf(container: string): Promise<EngineFacts> {
    const format = '{{.HostConfig.NanoCpus}}|{{.HostConfig.Memory}}'
    const [cpus, memory] = (await this.run(['inspect', '--format', format, container]))
      .trim()
      .split('|')
      .map(Number)
    return {
      ...(cpus === undefined || cpus === 0 ? {} : { cpuLimit: String(cpus / 1e9) }),
      ...(memory === undefined || memory === 0 ? {} : { memoryLimitBytes: String(memory) }),
    }
  }

  async #down(): Promise<void> {
    const { log } = this.options
    try {
      // Not the run's signal: what was started is taken down however the run ended.
      await this.#compose(
        ['--profile', '*', 'down', '--volumes', '--remove-orphans', '--timeout', '10'],
        {},
      )
    } catch (error) {
      log(`docker compose down: ${messageOf(error)}; removing what is left one by one`)
    }
    const { containers, networks, volumes } = await remainsOf(this.name, guardedDocker)
    if (this.#cut || containers.length + networks.length + volumes.length > 0) {
      await removeProject(this.name, guardedDocker)
    }
    // Not before: where the daemon is away, the ledger names the project for the next command.
    unwatchProject(this.name)
  }
}

/** Unique on this daemon, and safe as a compose project's name. */
function projectName(runId: string): string {
  const plain = runId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 40)
  return `${PROJECT_PREFIX}${plain}-${randomBytes(3).toString('hex')}`
}

function lastOf(failure: DockerFailure): string {
  return failure.said.at(-1) ?? failure.message
}
