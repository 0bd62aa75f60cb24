/**
 * The user's own PostgreSQL. In: an address. Out: a running engine with a database or a schema of its own, named after
 * the run, written down before it is made and dropped after. Nothing else on that server is touched, and none of its
 * settings is changed.
 */
import type { Client } from 'pg'
import { HeadroomError, assert, messageOf } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import { noteOnServer } from '../../kit/server-ledger.ts'
import type { EngineContext, EngineRequest, StoringEngine } from '../engine.ts'
import { ownName } from '../own-name.ts'
import { ownershipMark } from '../own-server.ts'
import { watchReachable } from '../reachable.ts'
import { sayAddress } from './connect-error.ts'
import { withClient } from './connection.ts'
import { createExtensions, serverVersion } from './control.ts'
import { addressIn, createPlace, removePlace } from './own-place.ts'
import type { PostgresPlan } from './own-server.ts'
import { planOn } from './own-server.ts'
import { makeExtensions, makeWanted, requireOwnDatabase } from './extensions.ts'
import { postgresFacts } from './facts.ts'
import { findImageSource } from './full-page-images.ts'
import type { PostgresRights } from './rights.ts'
import { unseenWithout } from './rights.ts'
import { runningPostgres } from './running.ts'
import { nonDefaultSettings } from './settings.ts'
import { harnessSessions } from './harness-sessions.ts'
import { SharedConnection } from './shared-connection.ts'
import { sqlStateOf } from './sql-state.ts'

type ExternalRequest = Extract<EngineRequest<'postgres'>, { provider: 'external' }>

const CREATE_TIMEOUT_MS = 30_000
const DROP_TIMEOUT_MS = 30_000

/**
 * @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED within seconds,
 * ENGINE_RIGHTS_MISSING, BAD_INPUT
 */
export async function startExternalPostgres(
  request: ExternalRequest,
  context: EngineContext,
): Promise<StoringEngine<'postgres'>> {
  const { signal } = context
  await using scope = new Scope()

  const { place, notes, rights } = await makePlace(request, context, scope)
  const address = addressIn(request.address, place)
  const isShared = place.what === 'schema'
  const { version, settings, facts, unseen } = await withClient(address, signal, async (client) => {
    // An extension belongs to a whole database: one that is not ours gets none.
    if (isShared) requireOwnDatabase(request.extensions)
    else {
      await createExtensions(client)
      await makeWanted(client, 'your PostgreSQL', { wants: request.wants, log: context.log })
    }
    await makeExtensions(client, 'your PostgreSQL', request.extensions)
    return {
      version: await serverVersion(client),
      settings: await nonDefaultSettings(client),
      facts: await postgresFacts(client),
      unseen: unseenWithout(await asFound(client, rights), place.what),
    }
  })
  const sessions = harnessSessions(scope, address)
  const asking = scope.use(new SharedConnection(address))
  const reachable = scope.use(
    watchReachable(context.name, (within) =>
      asking.use(within, async (client) => {
        await client.query('SELECT 1')
      }),
    ),
  )

  const owned = scope.move()
  return runningPostgres(
    {
      name: context.name,
      provider: 'external',
      label: `postgres ${version}`,
      version,
      settings,
      facts,
      notes: { ...notes, unseen },
      addressFor: () => address,
      parts: [],
      crashed: reachable.lost,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    },
    { address, sessions, isShared },
  )
}

/** The place is there now with its extensions, also those it has from template1: what was foreseen is looked at. */
async function asFound(client: Client, rights: PostgresRights): Promise<PostgresRights> {
  const sees = (await findImageSource(client)).kind !== 'none'
  return { ...rights, seesPageImages: { database: sees, schema: sees } }
}

async function makePlace(
  { address, settings }: ExternalRequest,
  context: EngineContext,
  scope: Scope,
): Promise<PostgresPlan> {
  const { runId, signal, ledgerDir } = context
  assert(ledgerDir !== undefined, 'a user’s own server is not touched without a ledger')
  const asked = { settings, ownName: ownName(runId), mark: ownershipMark(runId) }
  const plan = await withClient(address, signal, (client) => planOn(client, asked))
  for (const { name, asked: wanted, inForce } of plan.notes.settingsNotInForce) {
    context.log(
      `${context.name}: the server uses ${name} = ${inForce}, the target asks for ${wanted}; not changed`,
    )
  }
  const { place } = plan
  const where = sayAddress(address)
  const strikeOut = noteOnServer(ledgerDir, { runId, kind: 'postgres', where, ...place })
  try {
    // Not cut short by Ctrl-C: a place that is half made has no mark yet.
    await withClient(address, AbortSignal.timeout(CREATE_TIMEOUT_MS), (client) =>
      createPlace(client, place),
    )
  } catch (error) {
    // After a broken connection nobody knows whether it is there: the ledger keeps the name.
    if (sqlStateOf(error) === null) throw error
    strikeOut()
    throw new HeadroomError(
      'ENGINE_RIGHTS_MISSING',
      `PostgreSQL at ${where} refuses to make the ${place.what} ${place.name}: ${messageOf(error)}`,
      {
        hint: 'is it a primary, and may this role do that? headroom doctor looks at it',
        cause: error,
      },
    )
  }
  scope.defer(async () => {
    try {
      await removePlace(address, place, AbortSignal.timeout(DROP_TIMEOUT_MS))
      strikeOut()
    } catch (error) {
      // What was measured stands; the ledger keeps the name.
      context.log(
        `${context.name}: the ${place.what} ${place.name} could not be dropped: ${messageOf(error)}; headroom clean does it later`,
      )
    }
  })
  signal.throwIfAborted()
  return plan
}
