/**
 * The PostgreSQL of an experiment. In: its settings and where engines come from. Out: a running server with what cannot
 * be done there, or the reason why there is none.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ComposeProject } from '../../engines/compose/project.ts'
import type { EngineContext, PostgresAddress, RunningEngine } from '../../engines/engine.ts'
import { withClient } from '../../engines/postgres/connection.ts'
import { quoteName } from '../../engines/postgres/quote-name.ts'
import { startEngine } from '../../engines/registry.ts'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import type { Log } from '../../kit/log.ts'
import { Scope } from '../../kit/scope.ts'
import type { Experiment, ExperimentEngine, NEEDS, ScaleName } from '../../scenario/experiment.ts'
import { valuesOf } from '../../scenario/experiment.ts'
import type { OwnProvider } from '../../target/up.ts'
import { ArmContext } from './arm-context.ts'
import { BillingRows } from './billing-rows.ts'
import { PREPARED_SCHEMA } from './session.ts'
import { runStep } from './steps/step.ts'

type Need = (typeof NEEDS)[number]
/** What cannot be done on this server, each with its reason. */
type Cannot = Partial<Readonly<Record<Need, string>>>

export type OpenEngine =
  | {
      readonly state: 'running'
      readonly running: RunningEngine<'postgres'>
      /** That follows it; null: none was asked for. */
      readonly replica: RunningEngine<'postgres'> | null
      readonly cannot: Cannot
    }
  | { readonly state: 'missing'; readonly because: string; readonly cannot: Cannot }

export interface EngineGround {
  /** The user's own server; absent: one is started. */
  readonly address: PostgresAddress | undefined
  readonly engines: OwnProvider
  /** Data while it runs; removed by the caller. */
  readonly dataDir: string
  readonly logDir: string
  readonly ledgerDir: string
  readonly runId: string
  readonly signal: AbortSignal
  readonly log: Log
}

/** WAL is counted: nothing but the arm may write it, and none of it may be gone before it was read. */
const QUIET = {
  autovacuum: 'off',
  checkpoint_timeout: '1h',
  max_wal_size: '8GB',
  wal_keep_size: '4GB',
} as const

export async function openEngine(
  wanted: {
    readonly experiment: Experiment
    readonly engine: ExperimentEngine
    readonly scale: ScaleName
  },
  ground: EngineGround,
  scope: Scope,
): Promise<OpenEngine> {
  const { engine } = wanted
  const { address } = ground
  if (address !== undefined && Object.keys(engine.settings).length > 0) {
    return {
      state: 'missing',
      because: `it needs a server with ${settingWords(engine)}; settings of your own server are not changed`,
      cannot: {},
    }
  }
  if (address !== undefined && engine.replica) {
    const because = 'it needs a streaming replica, and none is made of your own server'
    return { state: 'missing', because, cannot: {} }
  }
  let started: Started
  try {
    started = await start(engine, ground, scope)
  } catch (error) {
    // With the experiment's own settings a server may refuse to start; without, it is everybody's problem.
    if (engine.unless === undefined || !(error instanceof HeadroomError)) throw error
    ground.signal.throwIfAborted()
    const hint = error.hint === null ? '' : ` (${error.hint})`
    const because = `${engine.unless}: ${messageOf(error)}${hint}`
    return { state: 'missing', because, cannot: {} }
  }
  const { running, replica } = started
  if (running.addressFor('harness').schema !== undefined) {
    const because =
      'every arm makes a schema of its own in a database of its own, and this role may not make one (ALTER ROLE … CREATEDB)'
    return { state: 'missing', because, cannot: {} }
  }
  const cannot = await cannotDo(running, ground)
  await prepare(wanted, running, ground.signal)
  return { state: 'running', running, replica, cannot }
}

function settingWords({ settings }: ExperimentEngine): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${String(value)}`)
    .join(', ')
}

interface Started {
  readonly running: RunningEngine<'postgres'>
  readonly replica: RunningEngine<'postgres'> | null
}

async function start(
  engine: ExperimentEngine,
  ground: EngineGround,
  scope: Scope,
): Promise<Started> {
  const { name, settings, extensions } = engine
  const context = await contextOf(name, ground)
  const { address } = ground
  if (address !== undefined) {
    const request = { provider: 'external', settings: {}, extensions, address } as const
    return { running: scope.use(await startEngine('postgres', request, context)), replica: null }
  }
  const own = Object.entries(settings).map(([key, value]) => [key, String(value)] as const)
  const asked = { ...QUIET, ...Object.fromEntries(own) }
  await using owned = new Scope()
  const where = await placeOf(context, ground, owned)
  const running = owned.use(
    await startEngine('postgres', { ...where, settings: asked, extensions }, context),
  )
  const replica = engine.replica
    ? owned.use(
        await startEngine(
          'postgres',
          { ...where, settings: {}, upstream: running },
          await contextOf(`${name}-replica`, ground),
        ),
      )
    : null
  scope.use(owned.move())
  return { running, replica }
}

async function contextOf(name: string, ground: EngineGround): Promise<EngineContext> {
  const { logDir, ledgerDir, runId, signal, log } = ground
  const dataDir = join(ground.dataDir, name)
  await mkdir(dataDir, { recursive: true })
  return { dataDir, logDir, ledgerDir, runId, signal, log, name: `postgres-${name}` }
}

/** Where engines of ours run: here, or in the containers of a project of their own. */
async function placeOf(
  { dataDir }: EngineContext,
  { engines, runId, logDir, signal, log }: EngineGround,
  scope: Scope,
): Promise<
  | { readonly provider: 'embedded' }
  | { readonly provider: 'compose'; readonly project: ComposeProject }
> {
  if (engines === 'embedded') return { provider: 'embedded' }
  const options = { runId, dataDir, logDir, signal, log, servicesInside: false }
  return { provider: 'compose', project: scope.use(await ComposeProject.open(options)) }
}

async function cannotDo(
  running: RunningEngine<'postgres'>,
  { address, signal }: EngineGround,
): Promise<Cannot> {
  if (address === undefined) return {}
  const theirs = 'your own server is neither killed nor changed: leave --postgres out'
  try {
    await running.control.checkpoint(signal)
    return { crash: theirs, settings: theirs }
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    return { crash: theirs, settings: theirs, checkpoint: `${error.message}; ${error.hint ?? ''}` }
  }
}

async function prepare(
  {
    experiment,
    engine,
    scale,
  }: {
    readonly experiment: Experiment
    readonly engine: ExperimentEngine
    readonly scale: ScaleName
  },
  running: RunningEngine<'postgres'>,
  signal: AbortSignal,
): Promise<void> {
  const address = running.addressFor('harness')
  await withClient(address, signal, (client) =>
    client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteName(PREPARED_SCHEMA)}`),
  )
  await using context = new ArmContext({
    engine: running,
    replica: null,
    place: { address, schemas: [PREPARED_SCHEMA], settings: {} },
    values: valuesOf(experiment, scale, null),
    rows: new BillingRows(experiment),
    signal,
  })
  for (const step of engine.prepare) await runStep(context, step)
}
