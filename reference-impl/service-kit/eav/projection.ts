/**
 * The hot projection as the audit makes it anew. In: an attribute write as it was sent. Out: what is shown of it: of each
 * critical attribute of an entity the write with the latest time, and of one time the one with the greatest id.
 */
import type { Projection, Shown } from '../../../src/architecture/projection.ts'
import type { StoringEngine } from '../../../src/engines/engine.ts'
import { SHOWN } from './statements.ts'
import { PROJECTION_SOURCE } from './stores.ts'

/** @param name of the copy of it that is read; absent: the primary's */
export function hotProjection(
  database: Pick<StoringEngine, 'textRows'>,
  name: string = PROJECTION_SOURCE,
): Projection {
  return {
    name,
    engine: 'postgres',
    shownBy,
    rows: (signal) => shownRows(database, signal),
  }
}

async function* shownRows(
  database: Pick<StoringEngine, 'textRows'>,
  signal: AbortSignal,
): AsyncGenerator<readonly Shown[]> {
  for await (const rows of database.textRows(SHOWN, signal)) {
    yield rows.map(([key = '', version = '', value = '']) => ({
      key,
      version,
      value: canonical(value),
    }))
  }
}

function shownBy(event: Readonly<Record<string, unknown>>): Shown | null {
  if (event['critical'] !== true) return null
  const { tenant_id, entity_id, attribute, written_at, write_id, value } = event
  return {
    key: `${String(tenant_id)}/${String(entity_id)}/${String(attribute)}`,
    // A stream's times are whole milliseconds.
    version: `${new Date(String(written_at)).toISOString().slice(0, -1)}000/${String(write_id)}`,
    value: JSON.stringify(value),
  }
}

/** The same number, however PostgreSQL prints it. */
function canonical(json: string): string {
  return JSON.stringify(JSON.parse(json))
}
