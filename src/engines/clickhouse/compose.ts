/**
 * ClickHouse as a container of docker-compose.yml. In: settings and the run's compose project. Out: a running engine on a
 * loopback port, with fresh volumes and a password of its own; the project takes both away. What runs inside is asked,
 * not believed: an image that only looks like a server is labelled `clickhouse-local`.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { saysDiskFull } from '../../kit/disk.ts'
import { HeadroomError } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import { Container } from '../compose/container.ts'
import { composeLabel } from '../compose/label.ts'
import { withPublishedPort } from '../compose/published-port.ts'
import type {
  ClickHouseAddress,
  EngineContext,
  EngineRequest,
  EngineSettings,
  StoringEngine,
} from '../engine.ts'
import { asksForAsyncInsert, noAsyncInsert } from './async-insert.ts'
import type { SortedSettings } from './config.ts'
import { NO_SETTINGS, serverOverrideXml, usersOverrideXml } from './config.ts'
import { clickHouseFacts, clickHouseLabel } from './facts.ts'
import { ClickHouseHttp } from './http.ts'
import { clickHouseProbes } from './probes.ts'
import { runningClickHouse } from './running.ts'
import { changedSettings, sortSettings, splitPort } from './settings.ts'

type ComposeRequest = Extract<EngineRequest<'clickhouse'>, { provider: 'compose' }>

/** Of docker-compose.yml: its service, the user and the database that its environment names. */
const SERVICE = 'clickhouse'
const USER = 'headroom'
const DATABASE = 'headroom'
const URL_INSIDE = `http://${SERVICE}:8123`

const READY_TIMEOUT_MS = 120_000
const RECOVERY_TIMEOUT_MS = 300_000
const STOP_GRACE_S = 30

/** @throws HeadroomError BAD_INPUT, IMAGE_MISSING, PORT_TAKEN, DISK_FULL, ENGINE_NOT_READY */
export async function startComposeClickHouse(
  request: ComposeRequest,
  context: EngineContext,
): Promise<StoringEngine<'clickhouse'>> {
  const { project } = request
  const { signal } = context
  const { port: askedPort, settings } = splitPort(request.settings)
  await using scope = new Scope()
  const { container, address } = await withPublishedPort(askedPort ?? undefined, async (port) => {
    const address: ClickHouseAddress = {
      url: `http://127.0.0.1:${String(port)}`,
      database: DATABASE,
      user: USER,
      password: project.passwords.clickhouse,
    }
    return { container: await startContainer({ address, port, project }, context), address }
  })
  scope.use(container)
  const http = scope.use(new ClickHouseHttp(address))
  await applySettings({ container, http, settings }, context)
  const version = await http.text('SELECT version()', { signal })
  const facts = await clickHouseFacts(http, DATABASE, signal)
  const label = composeLabel(clickHouseLabel(version, facts), container.image)
  if (asksForAsyncInsert(settings) && facts['asyncInsert'] === 'no') throw noAsyncInsert(label)
  const changed = await changedSettings(http, signal)

  const owned = scope.move()
  return runningClickHouse(
    {
      name: context.name,
      provider: 'compose',
      label,
      version,
      settings: changed,
      image: container.image,
      facts: { ...facts, ...container.limits },
      addressFor: (who) =>
        who === 'service' && project.options.servicesInside
          ? { ...address, url: URL_INSIDE }
          : address,
      parts: [container],
      crashed: container.crashed,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { http, probes: clickHouseProbes(http, DATABASE) },
  )
}

async function startContainer(
  {
    address,
    port,
    project,
  }: Pick<ComposeRequest, 'project'> & {
    readonly address: ClickHouseAddress
    readonly port: number
  },
  context: EngineContext,
): Promise<Container> {
  const files = writeSettings(context.dataDir, NO_SETTINGS)
  return await Container.start(project, {
    service: SERVICE,
    name: context.name,
    kind: 'engine',
    withDependencies: true,
    override: {
      mounts: [
        { file: files.server, at: '/etc/clickhouse-server/config.d/headroom.xml' },
        { file: files.users, at: '/etc/clickhouse-server/users.d/headroom.xml' },
      ],
    },
    env: { HEADROOM_CLICKHOUSE_PORT: String(port) },
    ready: (signal) => answers(address, signal),
    readyTimeoutMs: READY_TIMEOUT_MS,
    recoveryTimeoutMs: RECOVERY_TIMEOUT_MS,
    stopGraceS: STOP_GRACE_S,
    startError: (error) => startError(error, context),
  })
}

/** The same files every time: a container that is started again reads what was written since. */
function writeSettings(
  dataDir: string,
  settings: SortedSettings,
): { readonly server: string; readonly users: string } {
  const server = join(dataDir, 'clickhouse-config.xml')
  const users = join(dataDir, 'clickhouse-users.xml')
  // Read by the container's own user; nothing in them is secret.
  writeFileSync(server, serverOverrideXml(settings), { mode: 0o644 })
  writeFileSync(users, usersOverrideXml(settings), { mode: 0o644 })
  return { server, users }
}

/** Only the running server knows which of its three kinds a setting is; so it is asked, and then started again. */
async function applySettings(
  {
    container,
    http,
    settings,
  }: {
    readonly container: Container
    readonly http: ClickHouseHttp
    readonly settings: EngineSettings
  },
  { dataDir, signal }: EngineContext,
): Promise<void> {
  if (Object.keys(settings).length === 0) return
  writeSettings(dataDir, await sortSettings(http, settings, signal))
  await container.restart()
}

async function answers(address: ClickHouseAddress, signal: AbortSignal): Promise<boolean> {
  await using http = new ClickHouseHttp(address)
  try {
    return (await http.text('SELECT 1', { signal })) === '1'
  } catch {
    // Not yet: the caller knows whether the container still lives and how long it may take.
    return false
  }
}

function startError(error: HeadroomError, { name, logDir }: EngineContext): HeadroomError {
  const hint = `the log is ${join(logDir, `${name}.log`)}`
  return saysDiskFull(error.hint ?? '')
    ? new HeadroomError('DISK_FULL', `${name} found the disk full while starting`, { hint })
    : error
}
