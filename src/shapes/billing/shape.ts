/** Billing events as the registry lists them. */
import { z } from 'zod'
import type { EventShape } from '../event-shape.ts'
import { openRecordedAs } from '../recorded/recorded-stream.ts'
import { BILLING_COLUMNS } from './columns.ts'
import { generateStream } from './generated.ts'
import { recordedBilling } from './recorded.ts'

export const billing: EventShape = {
  fields: [
    'organization_id',
    'transaction_id',
    'external_customer_id',
    'code',
    'timestamp',
    'value',
    'properties',
  ],
  columns: BILLING_COLUMNS,
  mapped: [
    { name: 'organization_id', takes: 'one' },
    { name: 'transaction_id', takes: 'one' },
    { name: 'external_customer_id', takes: 'one' },
    { name: 'code', takes: 'one' },
    { name: 'timestamp', takes: 'one' },
    { name: 'value', takes: 'one-or-none' },
    { name: 'properties', takes: 'many' },
  ],
  settings: z.strictObject({}),
  generate: generateStream,
  openRecorded: (spec) => openRecordedAs(recordedBilling, spec),
}
