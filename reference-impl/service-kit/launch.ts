/** Launches the HTTP service of an architecture. Out: its address, its part and the probe of its own counters. */
import type {
  ArchitectureContext,
  RunningArchitecture,
} from '../../src/architecture/architecture.ts'
import { HeadroomError } from '../../src/kit/errors.ts'
import type { EdgeSettings } from './edge-settings.ts'
import { serviceMetricsProbe } from './metrics-probe.ts'
import type { ServiceConfig } from './service-process.ts'

export interface LaunchServiceOptions {
  /** Path below the package root, with its .ts ending. */
  readonly entry: string
  /** Engine addresses by role, as the service may reach them; may hold secrets. */
  readonly addresses: unknown
  /** The service's own; what the architecture works out for it may be among them. */
  readonly settings: EdgeSettings & Readonly<Record<string, unknown>>
}

/** Throws SERVICE_NOT_READY when the process printed no address. */
export async function launchService(
  context: ArchitectureContext,
  options: LaunchServiceOptions,
): Promise<Omit<RunningArchitecture, 'stores'>> {
  const { addresses, settings } = options
  const config: ServiceConfig<unknown, unknown> = { port: 0, addresses, settings }
  const parts = await context.launch({ name: 'service', entry: options.entry, replicas: 1, config })
  const [service] = parts
  if (service === undefined || service.url === null) {
    throw new HeadroomError('SERVICE_NOT_READY', `${options.entry} printed no address`)
  }
  return { ingestUrl: service.url, parts, probes: parts.map(serviceMetricsProbe) }
}
