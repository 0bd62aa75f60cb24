/** Staging, projection, cache and reads put together. In: addresses and settings. Out: what the edge needs. */
import type { RedisAddress } from '../../../src/engines/redis/address.ts'
import { lagBudgets } from '../freshness/settings.ts'
import { GroupCommit } from '../group-commit.ts'
import { counter, gauge } from '../metrics-text.ts'
import { Lanes } from '../postgres/lanes.ts'
import { SessionWatch } from '../postgres/session-watch.ts'
import { openRoutedPools, replicaName, type CopyAddresses } from '../postgres/routed-pools.ts'
import type { OpenContext } from '../service-process.ts'
import type { Ingest } from '../service.ts'
import { EntityCache } from './cache.ts'
import type { Door } from '../door.ts'
import { withinRetention } from '../retention.ts'
import { EAV_DOOR, type AttributeWrite } from './door.ts'
import { EavReads } from './reads.ts'
import type { EavSettings } from './settings.ts'
import { viewAgeMs } from './view-refresher.ts'
import { StagingWriter } from './staging-writer.ts'
import { SETTLED } from './statements.ts'
import { PRIMARY_COPY } from './stores.ts'

export interface EavAddresses extends CopyAddresses {
  readonly cache: RedisAddress
}

const NAME = 'eav'

/** Rejects when PostgreSQL cannot be reached; without Redis it serves, and counts what went without. */
export async function openEavIngest(
  { cache: redis, ...copies }: EavAddresses,
  settings: EavSettings,
  { meters, log }: OpenContext,
): Promise<Ingest<AttributeWrite>> {
  const cache = await EntityCache.open(redis, {
    ttlS: settings.cacheTtlS,
    timeoutMs: settings.cacheTimeoutMs,
    log,
  })
  const onBroken = (): void => {
    cache.databaseMayGoBack()
  }
  const lanes = new Lanes(copies.database, { name: NAME, log, onBroken })
  await lanes.open(settings.connections)
  const session = await sessionOf(copies, cache)
  const reading = await openRoutedPools(copies, {
    name: NAME,
    freshness: settings,
    sources: { primary: PRIMARY_COPY, replica: replicaName },
    settled: SETTLED,
    log,
  })
  const { asyncNonCritical } = settings
  const commit = new GroupCommit(
    new StagingWriter(lanes, { cache, asyncNonCritical }),
    {
      lanes: settings.connections,
      rowsMax: settings.batchRowsMax,
      requestsMax: Number.MAX_SAFE_INTEGER,
      lingerMs: 0,
      timeoutMs: settings.timeoutMs,
      order: 'by-identity',
      identityOf: EAV_DOOR.identityOf,
    },
    meters,
  )
  const reads = new EavReads({
    router: reading.router,
    cache,
    forms: settings,
    budgetsMs: lagBudgets(settings),
    viewAgeMs: () => viewAgeMs(reading.primary),
    primary: reading.primary,
    settledLagMs: (pool) => reading.settledLagMs(pool),
  })
  return {
    door: doorFor(settings),
    submit: (writes, answer) => {
      commit.submit(writes, answer)
    },
    reads,
    entities: reads,
    ping: async () => {
      await reading.primary.query('SELECT 1')
    },
    secondary: () => null,
    routed: () => reads.meter,
    metrics: () => cacheLines(cache),
    async [Symbol.asyncDispose]() {
      await commit[Symbol.asyncDispose]()
      await session[Symbol.asyncDispose]()
      await cache[Symbol.asyncDispose]()
      await reading[Symbol.asyncDispose]()
    },
  }
}

/** The cache is used only while its end would be noticed. */
function sessionOf({ session }: CopyAddresses, cache: EntityCache): Promise<SessionWatch> {
  return SessionWatch.open(session, {
    name: `${NAME} session`,
    onFound: () => {
      cache.databaseIs('found')
    },
    onLost: () => {
      cache.databaseIs('lost')
    },
  })
}

function doorFor({ partitionBy, retainPartitions }: EavSettings): Door<AttributeWrite> {
  if (retainPartitions === null) return EAV_DOOR
  const kept = { interval: partitionBy, ranges: retainPartitions }
  return withinRetention(EAV_DOOR, ({ writtenAt }) => writtenAt, kept)
}

function cacheLines(cache: EntityCache): readonly string[] {
  const { hits, misses, errors, bypassed, isUp } = cache.meter
  return [
    ...counter('headroom_cache_reads_total', 'Reads of entities by what the cache had.', [
      ['{outcome="hit"}', hits],
      ['{outcome="miss"}', misses],
    ]),
    ...counter('headroom_cache_errors_total', 'Commands that Redis did not answer in time.', [
      ['', errors],
    ]),
    ...counter('headroom_cache_bypassed_total', 'Reads and rows that did without Redis.', [
      ['', bypassed],
    ]),
    ...gauge('headroom_cache_up', 'Whether Redis is used.', isUp ? 1 : 0),
  ]
}
