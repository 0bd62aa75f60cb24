/**
 * The user's own ClickHouse. In: an address. Out: a running engine with a database of its own, named after the run,
 * written down before it is made and dropped after. Nothing else on that server is touched, and none of its settings is
 * changed.
 */
import { HeadroomError, assert, messageOf } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import { noteOnServer } from '../../kit/server-ledger.ts'
import type { EngineContext, EngineRequest, StoringEngine } from '../engine.ts'
import { ownName } from '../own-name.ts'
import { ownershipMark } from '../own-server.ts'
import { watchReachable } from '../reachable.ts'
import { clickHouseFacts, clickHouseLabel } from './facts.ts'
import { ClickHouseHttp } from './http.ts'
import { mayNotCreate, planOn, sayClickHouse } from './own-server.ts'
import { clickHouseProbes } from './probes.ts'
import { runningClickHouse } from './running.ts'
import { ClickHouseError, isAccessDenied } from './request-error.ts'
import { changedSettings } from './settings.ts'

type ExternalRequest = Extract<EngineRequest<'clickhouse'>, { provider: 'external' }>

const CREATE_TIMEOUT_MS = 30_000
const DROP_TIMEOUT_MS = 30_000

/**
 * @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED within seconds,
 * ENGINE_RIGHTS_MISSING, BAD_INPUT
 */
export async function startExternalClickHouse(
  request: ExternalRequest,
  context: EngineContext,
): Promise<StoringEngine<'clickhouse'>> {
  const { signal } = context
  await using scope = new Scope()

  const server = scope.use(new ClickHouseHttp(request.address))
  const database = ownName(context.runId)
  const { settings: asked } = request
  const plan = await planOn(server, { settings: asked, ownName: database, signal })
  const { version, notes } = plan
  for (const { name, asked: wanted, inForce } of notes.settingsNotInForce) {
    context.log(
      `${context.name}: the server uses ${name} = ${inForce}, the target asks for ${wanted}; not changed`,
    )
  }
  await makeDatabase({ server, database, where: sayClickHouse(request.address) }, context, scope)
  signal.throwIfAborted()
  const address = { ...request.address, database }
  const http = scope.use(new ClickHouseHttp(address))
  const facts = await clickHouseFacts(http, database, signal)
  const changed = plan.sight.seesSettings ? await changedSettings(http, signal) : {}
  const reachable = scope.use(
    watchReachable(context.name, async (within) => {
      await http.text('SELECT 1', { signal: within })
    }),
  )

  const owned = scope.move()
  return runningClickHouse(
    {
      name: context.name,
      provider: 'external',
      label: clickHouseLabel(version, facts),
      version,
      settings: changed,
      facts,
      notes,
      addressFor: () => address,
      parts: [],
      crashed: reachable.lost,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { http, probes: clickHouseProbes(http, database, plan.sight.hidden) },
  )
}

async function makeDatabase(
  made: { readonly server: ClickHouseHttp; readonly database: string; readonly where: string },
  { name, runId, ledgerDir, log }: EngineContext,
  scope: Scope,
): Promise<void> {
  assert(ledgerDir !== undefined, 'a user’s own server is not touched without a ledger')
  const { server, database, where } = made
  const mark = ownershipMark(runId)
  const place = { what: 'database', name: database, inside: null, mark }
  const strikeOut = noteOnServer(ledgerDir, { runId, kind: 'clickhouse', where, ...place })
  try {
    await server.text(`CREATE DATABASE ${database} COMMENT '${mark.replaceAll("'", "\\'")}'`, {
      signal: AbortSignal.timeout(CREATE_TIMEOUT_MS),
    })
  } catch (error) {
    // After a broken connection nobody knows whether it is there: the ledger keeps the name.
    if (!(error instanceof ClickHouseError)) throw error
    strikeOut()
    if (isAccessDenied(error)) throw mayNotCreate()
    const message = `ClickHouse at ${where} refuses to make the database ${database}: ${error.message}`
    throw new HeadroomError('ENGINE_RIGHTS_MISSING', message, { cause: error })
  }
  scope.defer(async () => {
    try {
      const dropped = AbortSignal.timeout(DROP_TIMEOUT_MS)
      await server.text(`DROP DATABASE IF EXISTS ${database} SYNC`, { signal: dropped })
      strikeOut()
    } catch (error) {
      // What was measured stands; the ledger keeps the name.
      log(
        `${name}: the database ${database} could not be dropped: ${messageOf(error)}; headroom clean does it later`,
      )
    }
  })
}
