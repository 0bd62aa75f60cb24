/** Settings of a service that writes PostgreSQL: how many rows at a time, over how many connections, and how they travel. */
import { z } from 'zod'
import { METHODS } from './batch-ways.ts'

export const preparedSetting = {
  prepared: z
    .boolean()
    .default(true)
    .describe(
      'Parse a statement once per connection. A VALUES list, whose text follows its length, never is.',
    ),
}

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
    .enum(['auto', ...METHODS])
    .default('auto')
    .describe(
      'How a batch travels: one statement with arrays or VALUES, one INSERT a row, or COPY as text or binary.',
    ),
  copyFromRows: z
    .int()
    .positive()
    .default(1_000)
    .describe('With method auto, batches of this many events and more are copied.'),
  ...preparedSetting,
}
