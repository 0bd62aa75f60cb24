/** Settings of a service that writes PostgreSQL in batches. */
import { z } from 'zod'

export const postgresBatchSettings = {
  connections: z
    .int()
    .positive()
    .max(1_000)
    .default(2)
    .describe(
      'Connections to PostgreSQL, so batches in flight at once. More make batches smaller.',
    ),
  batchRowsMax: z
    .int()
    .positive()
    .max(100_000)
    .default(1_000)
    .describe('A batch closes at this many events.'),
  method: z
    .enum(['auto', 'unnest', 'copy'])
    .default('auto')
    .describe('How a batch travels: one UNNEST statement, or COPY into a staging table.'),
  copyFromRows: z
    .int()
    .positive()
    .default(1_000)
    .describe('With method auto, batches of this many events and more are copied.'),
}
