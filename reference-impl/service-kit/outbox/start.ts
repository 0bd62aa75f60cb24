/**
 * Starts what architectures with an outbox share. In: the database, settings, the names of the processes. Out: tables made,
 * service and workers launched, their probes.
 */
import type {
  ArchitectureContext,
  LaunchedPart,
  RunningArchitecture,
} from '../../../src/architecture/architecture.ts'
import type { RunningEngine } from '../../../src/engines/engine.ts'
import type { EdgeSettings } from '../edge-settings.ts'
import { launchService } from '../launch.ts'
import { serviceMetricsProbe } from '../metrics-probe.ts'
import { applySchema } from '../schema-script.ts'
import { outboxSchema } from './schema.ts'
import type { OutboxSettings } from './settings.ts'

export interface OutboxStart {
  readonly id: 'outbox' | 'outbox-clickhouse'
  readonly settings: OutboxSettings & EdgeSettings
  readonly schemaVariant: string
}

export async function applyOutboxSchema(
  database: RunningEngine<'postgres'>,
  { settings, schemaVariant }: OutboxStart,
  signal: AbortSignal,
): Promise<void> {
  await applySchema(database, 'service-kit/postgres/events.sql', { variant: schemaVariant, signal })
  for (const statement of outboxSchema(settings)) await database.control.execute(statement, signal)
}

/** @param addresses of the service and of each worker, by role; may hold secrets */
export async function launchOutbox(
  context: ArchitectureContext,
  { id, settings }: OutboxStart,
  addresses: { readonly service: unknown; readonly worker: unknown },
): Promise<Omit<RunningArchitecture, 'stores'>> {
  const service = await launchService(context, {
    entry: `reference-impl/${id}/service.ts`,
    addresses: addresses.service,
    settings: { ...settings },
  })
  const workers: readonly LaunchedPart[] = await context.launch({
    name: 'worker',
    entry: `reference-impl/${id}/worker.ts`,
    replicas: settings.workers,
    config: { port: 0, addresses: addresses.worker, settings },
  })
  return {
    ingestUrl: service.ingestUrl,
    parts: [...service.parts, ...workers],
    probes: [...service.probes, ...workers.map(serviceMetricsProbe)],
  }
}
