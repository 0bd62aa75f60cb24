/** Attribute writes (entity, attribute, value) as the registry lists them. */
import type { EntityWrite } from '../entity-write.ts'
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
  entityWrite,
  generate: generateStream,
  openRecorded: (spec) => openRecordedAs(recordedEav, spec),
}

/** Only critical writes are readable as part of their entity at once. */
function entityWrite(event: Readonly<Record<string, unknown>>): EntityWrite | null {
  const { tenant_id, write_id, entity_id, attribute, value, written_at, critical } = event
  if (critical !== true) return null
  return {
    source: String(tenant_id),
    entity: String(entity_id),
    attribute: String(attribute),
    value: typeof value === 'number' ? value : String(value),
    writtenMs: Date.parse(String(written_at)),
    id: String(write_id),
  }
}
