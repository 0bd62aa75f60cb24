/** What a table of billing events calls its columns (mission-map B1). */
import type { EventColumns } from '../event-columns.ts'

export const BILLING_COLUMNS: EventColumns = {
  source: 'organization_id',
  id: 'transaction_id',
  value: 'value',
  copy: [
    'organization_id',
    'transaction_id',
    'external_customer_id',
    'code',
    'timestamp',
    'properties',
    'value',
    'decimal_value',
  ],
}
