/** Brings an architecture up on real engines for a contract suite, and reads its stores. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { externalEngines } from '../../src/cli/external-engines.ts'
import type { Architecture } from '../../src/architecture/architecture.ts'
import type { Store } from '../../src/engines/engine.ts'
import type { PackageName } from '../../src/engines/packages/catalogue.ts'
import { PACKAGE_NAMES } from '../../src/engines/packages/catalogue.ts'
import { findPackage } from '../../src/engines/packages/installed.ts'
import { findProgram } from '../../src/engines/packages/program.ts'
import { silentLog } from '../../src/kit/log.ts'
import { Scope } from '../../src/kit/scope.ts'
import type { Role } from '../../src/target/roles.ts'
import { needsOf, rolesOf, withDefaultNeeds, withNeedsFor } from '../../src/target/roles.ts'
import { architectureById, architectures } from '../../src/target/registry.ts'
import { Target } from '../../src/target/target.ts'
import { bringUp, type RunningTarget } from '../../src/target/up.ts'
import { startOwnClickHouse } from '../fixtures/own-clickhouse.ts'
import { startOwnPostgres } from '../fixtures/own-postgres.ts'
import { startOwnRedis } from '../fixtures/own-redis.ts'
import { ServiceClient } from './service-client.ts'

/** `HEADROOM_TEST_ENGINES=compose` asks the same of containers: docs/docker-compose.md. */
export const ENGINES = process.env['HEADROOM_TEST_ENGINES'] === 'compose' ? 'compose' : 'embedded'

export interface Rig extends AsyncDisposable {
  readonly up: RunningTarget
  readonly client: ServiceClient
}

export interface RigOptions {
  readonly settings?: Readonly<Record<string, unknown>>
  readonly schemaVariant?: string
  /** By role, as a target file has them. */
  readonly engines?: Readonly<Record<string, object>>
  /** `own`: servers of the user's own, with TLS, passwords and the least rights; absent: `here`. */
  readonly ground?: Ground
}

export type Ground = 'here' | 'own'

/** Architectures whose engines are here; where nothing may be skipped, and in containers, all of them. */
export const RUNNABLE = architectures.filter((architecture) => notHere(architecture).length === 0)
/** The others, each with the command that gets what it lacks. */
export const SKIPPED = architectures
  .filter((architecture) => !RUNNABLE.includes(architecture))
  .map((architecture) => ({
    id: architecture.id,
    because: `headroom engines install ${notHere(architecture).join(' ')}`,
  }))

function notHere(architecture: Architecture): readonly PackageName[] {
  if (ENGINES !== 'embedded' || process.env['HEADROOM_REQUIRE_ALL'] !== undefined) return []
  const wanted = needsOf(withDefaultNeeds(architecture)).flatMap(([, { kind, extensions }]) => [
    kind,
    ...extensions,
  ])
  return PACKAGE_NAMES.filter((name) => {
    if (!wanted.includes(name)) return false
    const isProgram = name === 'redis' || name === 'pgbouncer'
    return isProgram ? findProgram(name) === null : findPackage(name) === null
  })
}

/** Every architecture on engines started for it, and on servers of the user's own. */
export const GROUNDS: readonly { readonly id: string; readonly ground: Ground }[] =
  RUNNABLE.flatMap(({ id }) => (['here', 'own'] as const).map((ground) => ({ id, ground })))
    .filter(({ ground }) => ground === 'here' || ENGINES === 'embedded')
    // One DSN names one server: a replica of the user's own would need another.
    .filter(({ id, ground }) => ground === 'here' || !standsOnAnother(id))

function standsOnAnother(id: string): boolean {
  const architecture = architectureById(id)
  return (
    architecture !== undefined &&
    rolesOf(withDefaultNeeds(architecture), { engines: {} }).some(({ of }) => of !== null)
  )
}

export async function startRig(architecture: string, options: RigOptions = {}): Promise<Rig> {
  await using scope = new Scope()
  const dir = mkdtempSync(join(tmpdir(), 'headroom-contract-'))
  scope.defer(() => {
    rmSync(dir, { recursive: true, force: true })
  })
  const logDir = join(dir, 'logs')
  mkdirSync(logDir)
  const target = Target.parse({
    kind: 'architecture',
    name: architecture,
    architecture,
    settings: options.settings ?? {},
    engines: options.engines ?? {},
    ...(options.schemaVariant === undefined ? {} : { schemaVariant: options.schemaVariant }),
  })
  const known = architectureById(architecture)
  const needs =
    known === undefined
      ? []
      : rolesOf(withNeedsFor(known, known.settings.parse(options.settings ?? {})), { engines: {} })
  const up = scope.use(
    await bringUp({
      target,
      external: options.ground === 'own' ? await ownAddresses(needs, scope) : {},
      engines: ENGINES,
      dataDir: join(dir, 'data'),
      logDir,
      runId: 'contract',
      ledgerDir: join(dir, 'servers'),
      signal: new AbortController().signal,
      log: silentLog,
      onEngineReady: () => {},
    }),
  )
  const owned = scope.move()
  return {
    up,
    client: new ServiceClient(up.running.ingestUrl),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

const SECRET = 'c0ntract/Pa55&x'

/** Starts the servers apart from Headroom, and names them as a user would. */
async function ownAddresses(
  needs: readonly Role[],
  scope: Scope,
): Promise<ReturnType<typeof externalEngines>['addresses']> {
  const named: { postgres?: string; clickhouse?: string; redis?: string } = {}
  const postgres = needs.filter(({ kind }) => kind === 'postgres')
  if (postgres.length > 0) {
    const extensions = postgres.flatMap((role) => role.extensions)
    const server = scope.use(await startOwnPostgres({ extensions }))
    // A schema in one database, and nothing more.
    await server.sql(`CREATE ROLE bench LOGIN PASSWORD '${SECRET}'`)
    await server.sql('CREATE DATABASE scratch')
    await server.sql('GRANT CREATE ON DATABASE scratch TO bench')
    named.postgres = server.dsn({ role: 'bench', password: SECRET, database: 'scratch' })
  }
  if (needs.some(({ kind }) => kind === 'clickhouse')) {
    const server = scope.use(await startOwnClickHouse({ user: 'bench', password: SECRET }))
    const { port, caFile } = server
    const user = `bench:${encodeURIComponent(SECRET)}`
    named.clickhouse = `https://${user}@localhost:${String(port)}/default?ca=${caFile}`
  }
  if (needs.some(({ kind }) => kind === 'redis')) {
    const { port, caFile } = scope.use(await startOwnRedis('bench', SECRET))
    const user = `bench:${encodeURIComponent(SECRET)}`
    named.redis = `rediss://${user}@localhost:${String(port)}/0?ca=${caFile}`
  }
  return externalEngines({ ...named, engines: null }, {}).addresses
}

export interface Held {
  /** Identity of every row, repeated ids repeated. */
  readonly rows: readonly string[]
  readonly readable: readonly string[]
}

export async function heldBy(store: Store): Promise<Held> {
  return { rows: await collect(store, 'rows'), readable: await collect(store, 'readable') }
}

async function collect(store: Store, which: 'rows' | 'readable'): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const batch of store[which](AbortSignal.timeout(30_000))) {
    for (const [index, id] of batch.ids.entries())
      keys.push(`${String(batch.sources[index])}/${id}`)
  }
  return keys
}

/** Polls until the store can read this many events: what `eventually` means, with a bound. */
export async function untilReadable(store: Store, events: number): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  for (;;) {
    const { readable } = await heldBy(store)
    if (readable.length >= events) return
    if (performance.now() > deadlineMs) {
      throw new Error(`${store.name} shows ${String(readable.length)} of ${String(events)} events`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
