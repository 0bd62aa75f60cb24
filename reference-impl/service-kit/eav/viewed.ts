/**
 * The materialised view as the audit makes it anew. In: an attribute write as it was sent. Out: who had which value in which
 * hour, of the attributes that the view is about.
 */
import type { Projection, Shown } from '../../../src/architecture/projection.ts'
import type { StoringEngine } from '../../../src/engines/engine.ts'
import { REFRESH_VIEW, VIEWED } from './statements.ts'
import { VIEW_SOURCE } from './stores.ts'

const OF_THE_VIEW: ReadonlySet<unknown> = new Set(['status', 'category'])
const HOUR_LENGTH = '2026-02-25T12'.length
/** A key is all that is shown: it has no later value. */
const THERE = { version: '', value: '' }

export function hourlyView(
  database: Pick<StoringEngine<'postgres'>, 'textRows' | 'control'>,
): Projection {
  return {
    name: VIEW_SOURCE,
    engine: 'postgres',
    shownBy,
    rows: (signal) => rowsOf(database, signal),
  }
}

/** Refreshed first: that it is late is its nature and measured elsewhere, that it lacks or invents a row is not. */
async function* rowsOf(
  database: Pick<StoringEngine<'postgres'>, 'textRows' | 'control'>,
  signal: AbortSignal,
): AsyncGenerator<readonly Shown[]> {
  await database.control.execute(REFRESH_VIEW, signal)
  for await (const rows of database.textRows(VIEWED, signal)) {
    yield rows.map(([key = '']) => ({ key, ...THERE }))
  }
}

function shownBy(event: Readonly<Record<string, unknown>>): Shown | null {
  const { tenant_id, entity_id, attribute, written_at, value } = event
  if (!OF_THE_VIEW.has(attribute)) return null
  const hour = new Date(String(written_at)).toISOString().slice(0, HOUR_LENGTH)
  const key = [tenant_id, entity_id, attribute, hour, value].map(String).join('/')
  return { key, ...THERE }
}
