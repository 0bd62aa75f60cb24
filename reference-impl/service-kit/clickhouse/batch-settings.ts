/** Settings of a service that writes ClickHouse in batches of its own making. */
import { z } from 'zod'

type Name = 'insertRowsMax' | 'insertLingerMs' | 'insertConnections'

/** @param lingerMs what suits the architecture: part of the ack's latency, or of nobody's */
export const clickhouseBatchSettings = (
  lingerMs: number,
): Readonly<Record<Name, z.ZodDefault<z.ZodInt>>> => ({
  insertRowsMax: z
    .int()
    .positive()
    .max(100_000)
    .default(10_000)
    .describe(
      'An insert is sent at this many events. Each insert is a part that has to be merged.',
    ),
  insertLingerMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(lingerMs)
    .describe('How long an insert that is not full waits for more events.'),
  insertConnections: z.int().positive().max(100).default(2).describe('Inserts in flight at once.'),
})
