/** eav (A18, A19): attribute writes over UNLOGGED staging to a partitioned time series, with a hot projection and a cache. */
import { defineArchitecture, type StorePromise } from '../../src/architecture/architecture.ts'
import { retentionWords } from '../service-kit/retention.ts'
import { EAV_COLUMNS } from '../../src/shapes/eav/columns.ts'
import { launchService } from '../service-kit/launch.ts'
import { freshnessProbe, serviceMetricsProbe } from '../service-kit/metrics-probe.ts'
import {
  commitKept,
  commitSurvives,
  commitWords,
  POSTGRES_PART,
} from '../../src/architecture/commit-promise.ts'
import { READ_REPLICAS } from '../service-kit/postgres/read-replicas.ts'
import { applySchema } from '../service-kit/schema-script.ts'
import type { FlusherSettings } from '../service-kit/eav/flusher.ts'
import { eavSettings, type EavSettings } from '../service-kit/eav/settings.ts'
import { PROJECTION, PROJECT_STAGED, SERIES, STAGING, VIEW } from '../service-kit/eav/statements.ts'
import {
  onReplica,
  PROJECTION_SOURCE,
  SERIES_STORE,
  VIEW_SOURCE,
} from '../service-kit/eav/stores.ts'
import { hourlyView } from '../service-kit/eav/viewed.ts'
import { hotProjection } from '../service-kit/eav/projection.ts'

/** For the refresh that is under way when the audit looks, and the one after its pause. */
const REFRESH_SLACK_MS = 60_000

const SERIES_TABLE = {
  table: SERIES,
  readable: SERIES,
  columns: EAV_COLUMNS,
  // What its indexes cost is what an attribute in it costs: GIN, or an index per attribute.
  beside: [PROJECTION],
}

export const eav = defineArchitecture({
  id: 'eav',
  title: 'PostgreSQL as EAV: staging, time series, hot projection, cache',
  documents: ['A18', 'A19', 'B12', 'C2', 'C9', 'C12', 'C19', 'C22', 'E17', 'H13', 'H14'],
  shapes: ['eav'],
  queries: ['Q4', 'Q9', 'Q10', 'entity'],
  needs: {
    database: 'postgres',
    cache: 'redis',
    replica: { ...READ_REPLICAS, optional: true },
  },
  needsWith: ({ readReplicas }) => ({
    database: 'postgres',
    cache: 'redis',
    ...(readReplicas ? { replica: READ_REPLICAS } : {}),
  }),
  alongside: ['worker'],
  schemaVariants: ['default', 'no-gin', 'top-n'],
  settings: eavSettings,

  batches: () => true,

  promises: (settings, { database, replica = [] }) => {
    const series: StorePromise = {
      store: SERIES_STORE,
      survives: staysStaged(settings) ? commitSurvives(database) : 'nothing',
      // What is staged lies in PostgreSQL: no other part holds an acknowledged write.
      lostWith: [POSTGRES_PART],
      delivery: 'at-least-once',
      readAfterAck: 'eventually',
      duplicates: settings.dedup === 'flush' ? 'one-readable' : 'kept',
    }
    const hot: StorePromise = {
      store: PROJECTION_SOURCE,
      // A batch with a critical write is committed as the server commits, whatever staging does.
      ...commitKept(database),
      delivery: 'exactly-once',
      readAfterAck: 'at-once',
      duplicates: 'one-row',
    }
    // What the log brings them is what the primary has, later.
    const onReplicas = (promise: StorePromise): readonly StorePromise[] =>
      (settings.readReplicas ? replica : []).map((_settings, index) => ({
        ...promise,
        store: onReplica(promise.store, index),
        readAfterAck: 'eventually',
      }))
    return {
      ack: ackWords(settings, database),
      stores: [series, ...onReplicas(series)],
      projections: [
        hot,
        // Made from the series: it loses what that loses.
        ...(hasView(settings) ? [{ ...series, store: VIEW_SOURCE }] : []),
        ...onReplicas(hot),
      ],
    }
  },

  async start({ database, cache, replica = [] }, { settings, schemaVariant }, context) {
    const { signal } = context
    await applySchema(database, 'eav/schema.sql', {
      variant: schemaVariant,
      parts: [
        settings.staging,
        ...(settings.dedup === 'flush' ? ['dedup'] : []),
        ...(replica.length > 0 ? ['replicas'] : []),
        ...(hasView(settings) ? ['view'] : []),
      ],
      signal,
    })
    const layout = `('${settings.partitionBy}', ${String(settings.hashShards)})`
    await database.control.execute(`INSERT INTO eav_layout VALUES ${layout}`, signal)
    const addresses = {
      database: database.addressFor('service'),
      cache: cache.addressFor('service'),
      // A heartbeat belongs to one session.
      session: database.addressFor('session'),
      replicas: replica.map((engine) => engine.addressFor('service')),
    }
    const service = await launchService(context, {
      entry: 'reference-impl/eav/service.ts',
      addresses,
      settings,
    })
    const workers = await context.launch({
      name: 'worker',
      entry: 'reference-impl/eav/worker.ts',
      replicas: 1,
      config: {
        port: 0,
        addresses: { database: addresses.database },
        settings: workerSettings(settings),
      },
    })
    return {
      ...service,
      parts: [...service.parts, ...workers],
      projections: [
        hotProjection(database),
        ...(hasView(settings)
          ? [hourlyView(database, REFRESH_SLACK_MS + settings.viewRefreshMs)]
          : []),
        ...replica.map((engine, index) =>
          hotProjection(engine, onReplica(PROJECTION_SOURCE, index)),
        ),
      ],
      probes: [
        ...service.probes,
        ...service.parts.map(freshnessProbe),
        ...workers.map(serviceMetricsProbe),
      ],
      stores: [
        database.eventsStore({
          ...SERIES_TABLE,
          name: SERIES_STORE,
          beside: [...SERIES_TABLE.beside, ...(hasView(settings) ? [VIEW] : [])],
          load: {
            table: STAGING,
            then: ['SELECT ensure_partitions()', PROJECT_STAGED, 'SELECT moved FROM stage_flush()'],
          },
        }),
        ...replica.map((engine, index) =>
          engine.eventsStore({ ...SERIES_TABLE, name: onReplica(SERIES_STORE, index) }),
        ),
      ],
    }
  },
})

function workerSettings(
  settings: EavSettings,
): FlusherSettings & { readonly viewRefreshMs: number | null } {
  const { flush, flushMs, vacuumEveryFlushes, retainPartitions, viewRefreshMs } = settings
  return {
    ...{ flush, flushMs, vacuumEveryFlushes, retainPartitions },
    viewRefreshMs: hasView(settings) ? viewRefreshMs : null,
  }
}

function hasView({ distinctQuery }: EavSettings): boolean {
  return distinctQuery === 'view'
}

/** Whether a row that waits in staging is as safe as any commit. */
function staysStaged({ staging, asyncNonCritical }: EavSettings): boolean {
  return staging === 'logged' && !asyncNonCritical
}

function ackWords(settings: EavSettings, engineSettings: Readonly<Record<string, string>>): string {
  const committed = commitWords(engineSettings)
  const hot = `Apart from the time series, the latest value of a critical attribute is ${committed} in the hot projection and readable at once.`
  const kept =
    settings.retainPartitions === null
      ? ''
      : `; ${retentionWords(settings.retainPartitions, settings.partitionBy)}`
  const flushed = `a flush moves it to the time series, every ${String(settings.flushMs)} ms${kept}`
  if (settings.staging === 'unlogged') {
    return `Every accepted write is in an UNLOGGED staging table, which outlives the service and the flusher but not a crash of PostgreSQL: what no flush has moved by then is lost; ${flushed}. ${hot}`
  }
  const staged = settings.asyncNonCritical
    ? `${committed}, or without a critical attribute in memory for up to 600 ms,`
    : committed
  return `Every accepted write is ${staged} in a staging table, from where ${flushed}. ${hot}`
}
