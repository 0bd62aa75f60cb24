/**
 * The user's own Redis. In: an address. Out: a running engine whose keys all begin with a prefix of the run's, written down
 * before the first is made and removed after. No setting of the server is changed.
 */
import { assert, HeadroomError, messageOf } from '../../kit/errors.ts'
import { Scope } from '../../kit/scope.ts'
import { noteOnServer } from '../../kit/server-ledger.ts'
import type { EngineContext, EngineRequest, RunningEngine } from '../engine.ts'
import { ownName } from '../own-name.ts'
import { ownershipMark } from '../own-server.ts'
import { watchReachable } from '../reachable.ts'
import type { RedisAddress } from './address.ts'
import { sayRedis } from './connection.ts'
import { redisControl } from './control.ts'
import { inspectRedis, versionAndSettings } from './inspection.ts'
import { markKeys, removeKeys } from './own-keys.ts'
import { redisProbes } from './probes.ts'
import { RedisReading } from './reading.ts'
import { checkRedisSettings } from './settings.ts'

type ExternalRequest = Extract<EngineRequest<'redis'>, { provider: 'external' }>

const DROP_TIMEOUT_MS = 60_000

/** @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED, ENGINE_RIGHTS_MISSING, BAD_INPUT */
export async function startExternalRedis(
  { address, settings }: ExternalRequest,
  context: EngineContext,
): Promise<RunningEngine<'redis'>> {
  checkRedisSettings(settings)
  const { name, runId, signal, log } = context
  await using scope = new Scope()
  const prefix = ownName(runId)
  const { notes } = await inspectRedis(address, { settings, ownName: prefix, signal })
  for (const { name: setting, asked, inForce } of notes.settingsNotInForce) {
    log(
      `${name}: the server uses ${setting} = ${inForce}, the target asks for ${asked}; not changed`,
    )
  }
  await ownKeys({ address, prefix }, context, scope)
  signal.throwIfAborted()
  const reading = scope.use(new RedisReading(address))
  const known = await reading.use(signal, versionAndSettings)
  const asking = scope.use(new RedisReading(address))
  const reachable = scope.use(
    watchReachable(name, (within) =>
      asking.use(within, async (redis) => {
        await redis.ping()
      }),
    ),
  )

  const owned = scope.move()
  return {
    kind: 'redis',
    name,
    provider: 'external',
    label: `redis ${known.version}`,
    ...known,
    notes,
    addressFor: () => ({ ...address, keyPrefix: `${prefix}:` }),
    parts: [],
    probes: redisProbes(reading),
    crashed: reachable.lost,
    control: redisControl(reading),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

async function ownKeys(
  { address, prefix }: { readonly address: RedisAddress; readonly prefix: string },
  { name, runId, ledgerDir, log, signal }: EngineContext,
  scope: Scope,
): Promise<void> {
  assert(ledgerDir !== undefined, 'a user’s own server is not touched without a ledger')
  const mark = ownershipMark(runId)
  const thing = { what: 'keys', name: prefix, inside: null, mark }
  const strikeOut = noteOnServer(ledgerDir, {
    runId,
    kind: 'redis',
    where: sayRedis(address),
    ...thing,
  })
  try {
    await markKeys(address, thing, signal)
  } catch (error) {
    // After a broken connection nobody knows whether the mark is there: the ledger keeps the name.
    if (error instanceof HeadroomError && error.code === 'ENGINE_RIGHTS_MISSING') strikeOut()
    throw error
  }
  scope.defer(async () => {
    try {
      await removeKeys(address, prefix, AbortSignal.timeout(DROP_TIMEOUT_MS))
      strikeOut()
    } catch (error) {
      // What was measured stands; the ledger keeps the name.
      log(
        `${name}: keys that begin with ${prefix}: could not be removed: ${messageOf(error)}; headroom clean does it later`,
      )
    }
  })
}
