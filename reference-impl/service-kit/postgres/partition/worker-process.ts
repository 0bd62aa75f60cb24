/**
 * The life of the maintenance job. In: its configuration. Out: one ready line on stdout, then a tick every so often until
 * it is asked to stop. A tick that fails says so and is tried again; events do not wait for it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresAddress } from '../../../../src/engines/engine.ts'
import { messageOf } from '../../../../src/kit/errors.ts'
import { logLine, stopAsked, takeConfig } from '../../process-life.ts'
import { clientConfig } from '../connection.ts'
import type { MaintenanceOptions } from './maintenance.ts'
import { PartitionMaintenance } from './maintenance.ts'

export interface MaintenanceConfig {
  /** Secrets may be inside: never logged. */
  readonly addresses: { readonly database: PostgresAddress }
  readonly settings: { readonly everyS: number; readonly maintenance: MaintenanceOptions }
}

const STATEMENT_TIMEOUT_MS = 60_000

/** Runs until stopped; ends the process. Exit code 0 after a clean stop, 1 when it could not start. */
export async function runMaintenance(name: string): Promise<void> {
  try {
    const config = (await takeConfig()) as MaintenanceConfig
    const stopping = new AbortController()
    void stopAsked().then(() => {
      stopping.abort()
    })
    // A job that cannot reach its database at the start says so by not starting.
    await tickOnce(name, config)
    process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
    await keepTicking(name, config, stopping.signal)
    process.exit(0)
  } catch (error) {
    logLine(messageOf(error))
    process.exit(1)
  }
}

async function keepTicking(
  name: string,
  config: MaintenanceConfig,
  signal: AbortSignal,
): Promise<void> {
  const pauseMs = config.settings.everyS * 1_000
  for (;;) {
    await delay(pauseMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    try {
      await tickOnce(name, config)
    } catch (error) {
      logLine(`this time the partitions were not looked after: ${messageOf(error)}`)
    }
  }
}

/** A connection per tick: it is rare, and one that broke since does no harm. */
async function tickOnce(name: string, { addresses, settings }: MaintenanceConfig): Promise<void> {
  const client = new pg.Client({
    ...clientConfig(addresses.database, `${name} maintenance`),
    statement_timeout: STATEMENT_TIMEOUT_MS,
  })
  // The statement in flight rejects as well; without a listener it would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const done = await new PartitionMaintenance(client, settings.maintenance).tick(new Date())
    const { made, dropped, movedRows } = done
    if (made.length + dropped.length + movedRows > 0) logLine(JSON.stringify(done))
  } finally {
    await client.end().catch(() => undefined)
  }
}
