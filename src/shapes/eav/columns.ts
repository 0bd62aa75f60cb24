/** What a table of attribute writes calls its columns (mission-map B12). */
import type { EventColumns } from '../event-columns.ts'

export const EAV_COLUMNS: EventColumns = {
  source: 'tenant_id',
  id: 'write_id',
  value: 'weight',
  copy: [
    'tenant_id',
    'write_id',
    'entity_id',
    'written_at',
    'note',
    'attribute',
    'data_type',
    'critical',
    'value',
    'weight',
  ],
}
