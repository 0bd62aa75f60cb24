/** Attribute writes as the texts PostgreSQL parses: rows for COPY into staging, array literals for the projection. */
import { escapeCopy } from '../../../src/shapes/recorded/copy-escapes.ts'
import type { AttributeWrite } from './door.ts'

/** In the order of the shape's columns. */
export function copyRows(writes: readonly AttributeWrite[]): string {
  let text = ''
  for (const write of writes) {
    const { note, weight } = write
    text += `${write.tenantId}\t${escapeCopy(write.writeId)}\t${String(write.entityId)}\t${write.writtenAt}\t`
    text += `${note === null ? '\\N' : escapeCopy(note)}\t${escapeCopy(write.attribute)}\t`
    text += `${write.dataType}\t${write.critical ? 't' : 'f'}\t${escapeCopy(write.value)}\t`
    text += `${weight === null ? '\\N' : String(weight)}\n`
  }
  return text
}

/** Six array literals, in the parameter order of PROJECT_GIVEN. */
export function arrayLiterals(writes: readonly AttributeWrite[]): readonly string[] {
  let tenants = ''
  let ids = ''
  let entities = ''
  let times = ''
  let attributes = ''
  let values = ''
  let comma = '{'
  for (const write of writes) {
    const value = write.dataType === 'number' ? write.value : JSON.stringify(write.value)
    tenants += comma + write.tenantId
    ids += comma + quoted(write.writeId)
    entities += comma + String(write.entityId)
    times += comma + write.writtenAt
    attributes += comma + quoted(write.attribute)
    values += comma + quoted(value)
    comma = ','
  }
  return [tenants, ids, entities, times, attributes, values].map((literal) => `${literal}}`)
}

function quoted(text: string): string {
  return text.includes('"') || text.includes('\\')
    ? `"${text.replace(/["\\]/g, '\\$&')}"`
    : `"${text}"`
}
