/** Attribute writes (entity, attribute, value) as the registry lists them. */
import type { EventShape } from '../event-shape.ts'
import { openRecordedAs } from '../recorded/recorded-stream.ts'
import { eavSettings } from './attributes.ts'
import { EAV_COLUMNS } from './columns.ts'
import { generateStream } from './generated.ts'
import { recordedEav } from './recorded.ts'

export const eav: EventShape = {
  fields: [
    'tenant_id',
    'write_id',
    'entity_id',
    'written_at',
    'note',
    'attribute',
    'critical',
    'value',
    'weight',
  ],
  columns: EAV_COLUMNS,
  mapped: [
    { name: 'tenant_id', takes: 'one' },
    { name: 'write_id', takes: 'one' },
    { name: 'entity_id', takes: 'one' },
    { name: 'attribute', takes: 'one' },
    { name: 'value', takes: 'one' },
    { name: 'written_at', takes: 'one' },
    { name: 'weight', takes: 'one-or-none' },
    { name: 'critical', takes: 'one-or-none' },
    { name: 'note', takes: 'one-or-none' },
  ],
  settings: eavSettings,
  generate: generateStream,
  openRecorded: (spec) => openRecordedAs(recordedEav, spec),
}
