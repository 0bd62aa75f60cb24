// The engine: dockerd by hand, with data, socket and pid in one folder, and Compose as its command line's plugin.
import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { install, requireDebianRoot, unpackFrom } from './debian.mjs'
import { run, say, succeeds } from './run.mjs'
import { Unready } from './unready.mjs'

const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 60_000
const POLL_MS = 200
/** The first with `include`, which docker-compose.yml uses. */
const COMPOSE_MIN = [2, 20]
const BRIDGE = 'docker0'
/** Debian 12 has no Compose v2; 13 has, as one static program. */
const COMPOSE_RELEASE = 'trixie'

/** @returns the environment that reaches it. @throws Unready */
export async function startEngine(folder) {
  const env = {
    DOCKER_HOST: `unix://${join(folder, 'docker.sock')}`,
    DOCKER_CONFIG: join(folder, 'config'),
  }
  if (!succeeds('docker', ['version'], { env })) {
    requireDebianRoot()
    install('docker.io', 'iptables')
    say('starting dockerd …')
    await startDaemon(folder, env)
  }
  if (!composeIsThere(env)) installCompose(folder)
  if (!composeIsThere(env)) throw new Unready('docker compose does not start')
  return env
}

/** Stops what `startEngine` started and removes its folder; does nothing where there is nothing. */
export async function stopEngine(folder) {
  const pid = daemonPid(folder)
  if (pid !== null) {
    stopContainers(folder)
    process.kill(pid, 'SIGTERM')
    const untilMs = Date.now() + STOP_TIMEOUT_MS
    while (isAlive(pid)) {
      if (Date.now() > untilMs) process.kill(pid, 'SIGKILL')
      await sleep(POLL_MS)
    }
  }
  unmountBelow(folder)
  if (existsSync(join(folder, 'made-bridge'))) succeeds('ip', ['link', 'delete', BRIDGE])
  rmSync(folder, { recursive: true, force: true })
}

async function startDaemon(folder, env) {
  // The default network is the machine's: it goes with the engine that made it, and stays where another one did.
  if (!existsSync(`/sys/class/net/${BRIDGE}`)) writeFileSync(join(folder, 'made-bridge'), '')
  // Its own, empty configuration: /etc/docker may say anything.
  writeFileSync(join(folder, 'daemon.json'), '{}')
  const log = openSync(join(folder, 'dockerd.log'), 'w')
  const daemon = spawn(
    'dockerd',
    [
      ...['--config-file', join(folder, 'daemon.json')],
      ...['--data-root', join(folder, 'data')],
      ...['--exec-root', join(folder, 'exec')],
      ...['--pidfile', join(folder, 'docker.pid')],
      ...['--host', env.DOCKER_HOST],
    ],
    { detached: true, stdio: ['ignore', log, log] },
  )
  closeSync(log)
  let failed = null
  daemon.on('error', (error) => (failed = error.message))
  daemon.on('exit', (code) => (failed ??= `it ended with ${code}`))
  daemon.unref()
  const untilMs = Date.now() + READY_TIMEOUT_MS
  while (!succeeds('docker', ['version'], { env })) {
    if (Date.now() > untilMs) failed ??= `it did not answer in ${READY_TIMEOUT_MS / 1000} s`
    if (failed !== null) {
      const said = readFileSync(join(folder, 'dockerd.log'), 'utf8').trim().split('\n').slice(-3)
      throw new Unready(`dockerd cannot be started here: ${failed}\n${said.join('\n')}`)
    }
    await sleep(POLL_MS)
  }
}

function composeIsThere(env) {
  const { status, stdout } = spawnSync('docker', ['compose', 'version', '--short'], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (status !== 0) return false
  const [major, minor] = stdout.replace(/^v/, '').split('.').map(Number)
  return major > COMPOSE_MIN[0] || (major === COMPOSE_MIN[0] && minor >= COMPOSE_MIN[1])
}

function installCompose(folder) {
  say('fetching Compose …')
  const root = unpackFrom(COMPOSE_RELEASE, 'docker-compose', folder)
  const plugins = join(folder, 'config', 'cli-plugins')
  mkdirSync(plugins, { recursive: true })
  copyFileSync(
    join(root, 'usr/libexec/docker/cli-plugins/docker-compose'),
    join(plugins, 'docker-compose'),
  )
  rmSync(root, { recursive: true })
}

function stopContainers(folder) {
  const env = { DOCKER_HOST: `unix://${join(folder, 'docker.sock')}` }
  const ids = run('docker', ['ps', '--all', '--quiet'], { env }).split('\n').filter(Boolean)
  if (ids.length > 0) run('docker', ['rm', '--force', '--volumes', ...ids], { env })
  // Their bridges are the machine's, and would outlive the engine.
  run('docker', ['network', 'prune', '--force'], { env })
}

/** null where no daemon of this folder runs: the number may belong to somebody else by now. */
function daemonPid(folder) {
  const file = join(folder, 'docker.pid')
  if (!existsSync(file)) return null
  const pid = Number(readFileSync(file, 'utf8'))
  const line = isAlive(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : ''
  return line.includes(join(folder, 'data')) ? pid : null
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function unmountBelow(folder) {
  const mounted = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
  for (const path of mounted.reverse()) run('umount', [path])
}
