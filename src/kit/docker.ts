/**
 * The docker command line. In: arguments. Out: what it printed, or what it said instead. Nothing secret may stand in
 * the arguments: secrets travel in the environment of `docker compose`.
 */
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'

export type DockerEnv = Readonly<Record<string, string>>

/** One call of `docker`. @returns its standard output. @throws DockerFailure, or the signal's reason */
export type Docker = (args: readonly string[], options?: DockerCall) => Promise<string>

export interface DockerCall {
  readonly signal?: AbortSignal
  /** Added to the environment: what a compose file interpolates. May hold secrets. */
  readonly env?: DockerEnv
}

/** `docker` could not be started, or ended with something else than 0. */
export class DockerFailure extends Error {
  /** `missing`: there is no such program. */
  readonly how: 'missing' | 'failed'
  /** Its standard error, without progress bars and blank lines. */
  readonly said: readonly string[]

  constructor(how: 'missing' | 'failed', args: readonly string[], said: readonly string[]) {
    const words = how === 'missing' ? 'there is no program called docker' : said.at(-1)
    super(`docker ${args.slice(0, 3).join(' ')} …: ${words ?? 'failed without a word'}`)
    this.name = 'DockerFailure'
    this.how = how
    this.said = said
  }
}

/** Every project of Headroom's begins so; nothing else is ever removed. */
export const PROJECT_PREFIX = 'headroom-'
/** What compose itself puts on every container, network and volume of a project. */
const PROJECT_LABEL = 'com.docker.compose.project'

/** What finds the daemon and the plugins: all that a call needs that is made without this process's environment. */
const KEPT = [
  'PATH',
  'HOME',
  'XDG_RUNTIME_DIR',
  'DOCKER_HOST',
  'DOCKER_CONTEXT',
  'DOCKER_CONFIG',
  'DOCKER_CERT_PATH',
  'DOCKER_TLS_VERIFY',
  'DOCKER_API_VERSION',
  'SSH_AUTH_SOCK',
]

export function dockerEnv(env: Readonly<Record<string, string | undefined>>): DockerEnv {
  return Object.fromEntries(
    KEPT.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  )
}

/**
 * Calls that nobody watches over: for what runs when Headroom itself is gone, and for questions before it starts.
 * @param patienceMs a daemon that does not answer by then counts as not running
 */
export function plainDocker(env: DockerEnv, patienceMs = 60_000): Docker {
  return (args, call = {}) =>
    new Promise((resolve, reject) => {
      // A group of its own: Ctrl-C in the terminal is for Headroom, which then tidies up with these very calls.
      const child = spawn('docker', args, {
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...env, ...call.env },
        timeout: patienceMs,
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      })
      let output = ''
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (call.signal?.aborted === true) reject(abortReason(call.signal))
        else reject(error.code === 'ENOENT' ? new DockerFailure('missing', args, []) : error)
      })
      child.on('close', (code, killedBy) => {
        const lines = linesOf(said)
        if (code === 0) resolve(output)
        else if (killedBy === null) reject(new DockerFailure('failed', args, lines))
        else reject(new DockerFailure('failed', args, [...lines, `no answer in ${patienceMs} ms`]))
      })
    })
}

export function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  return reason instanceof Error ? reason : new Error(String(reason))
}

/** Words of standard error: what was overwritten on a terminal is left out. */
export function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => (line.split('\r').findLast((part) => part.trim() !== '') ?? '').trim())
    .filter((line) => line !== '')
}

export interface ProjectRemains {
  /** Names. */
  readonly containers: readonly string[]
  readonly networks: readonly string[]
  readonly volumes: readonly string[]
}

export async function remainsOf(project: string, docker: Docker): Promise<ProjectRemains> {
  const filter = ['--filter', `label=${PROJECT_LABEL}=${project}`]
  const [containers, networks, volumes] = await Promise.all([
    docker(['ps', '--all', ...filter, '--format', '{{.Names}}']),
    docker(['network', 'ls', ...filter, '--format', '{{.Name}}']),
    docker(['volume', 'ls', ...filter, '--format', '{{.Name}}']),
  ])
  return {
    containers: linesOf(containers),
    networks: linesOf(networks),
    volumes: linesOf(volumes),
  }
}

const SWEEPS_MAX = 20
const SWEEP_PAUSE_MS = 300

/**
 * Removes every container, network and volume of a project of ours by force, and looks again: a command that was killed
 * half way may still be at work in the daemon.
 * @returns names of what was removed. @throws DockerFailure where something stays
 */
export async function removeProject(project: string, docker: Docker): Promise<readonly string[]> {
  if (!project.startsWith(PROJECT_PREFIX)) throw new Error(`${project} is not Headroom's to remove`)
  const removed = new Set<string>()
  let failure: unknown = null
  for (let sweep = 0, clean = 0; sweep < SWEEPS_MAX; sweep++) {
    const { containers, networks, volumes } = await remainsOf(project, docker)
    const names = [...containers, ...networks, ...volumes]
    clean = names.length === 0 ? clean + 1 : 0
    if (clean === 2) return [...removed]
    for (const name of names) removed.add(name)
    try {
      if (containers.length > 0) await docker(['rm', '--force', '--volumes', ...containers])
      if (networks.length > 0) await docker(['network', 'rm', ...networks])
      if (volumes.length > 0) await docker(['volume', 'rm', '--force', ...volumes])
    } catch (error) {
      // A network is in use until its last container has left it; the next sweep tries again.
      failure = error
    }
    await delay(SWEEP_PAUSE_MS)
  }
  throw failure instanceof Error ? failure : new Error(`${project} could not be removed`)
}
