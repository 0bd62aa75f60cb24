/** The service process of outbox. */
import type { PostgresAddress } from '../../src/engines/engine.ts'
import { openOutboxIngest } from '../service-kit/outbox/ingest.ts'
import { runService } from '../service-kit/service-process.ts'
import type { OutboxHttpSettings } from './architecture.ts'

await runService<{ readonly database: PostgresAddress }, OutboxHttpSettings>(
  async ({ addresses, settings }, context) => {
    const { ingest } = await openOutboxIngest(addresses.database, context, {
      name: 'outbox',
      payload: 'event',
      settings,
    })
    return ingest
  },
)
