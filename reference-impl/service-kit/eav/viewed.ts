/**
 * The materialised view as the audit makes it anew. In: an attribute write as it was sent. Out: who had which value in which
 * hour, of the attributes that the view is about.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Projection, Shown } from '../../../src/architecture/projection.ts'
import type { StoringEngine } from '../../../src/engines/engine.ts'
import { SERVER_TIME, VIEW_AS_OF_KNOWN, VIEWED } from './statements.ts'
import { VIEW_SOURCE } from './stores.ts'

const OF_THE_VIEW: ReadonlySet<unknown> = new Set(['status', 'category'])
const HOUR_LENGTH = '2026-02-25T12'.length
const US_PER_MS = 1_000
/** A key is all that is shown: it has no later value. */
const THERE = { version: '', value: '' }

type Texts = Pick<StoringEngine<'postgres'>, 'textRows'>

const POLL_MS = 100

/** @param refreshWithinMs how long its refresher may take for a refresh that begins after the audit's look */
export function hourlyView(database: Texts, refreshWithinMs: number): Projection {
  return {
    name: VIEW_SOURCE,
    engine: 'postgres',
    shownBy,
    caughtUp: (signal) => untilRefreshed(database, refreshWithinMs, signal),
    rows: (signal) => rowsOf(database, signal),
  }
}

async function* rowsOf(database: Texts, signal: AbortSignal): AsyncGenerator<readonly Shown[]> {
  for await (const rows of database.textRows(VIEWED, signal)) {
    yield rows.map(([key = '']) => ({ key, ...THERE }))
  }
}

/**
 * By its own refresher: that it is late is its nature and measured elsewhere, that it lacks or invents a row is not, nor that
 * nobody refreshes it.
 */
async function untilRefreshed(
  database: Texts,
  withinMs: number,
  signal: AbortSignal,
): Promise<string | null> {
  const lookedAtUs = Number(await textOf(database, SERVER_TIME, signal))
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    const asOfUs = Number(await textOf(database, VIEW_AS_OF_KNOWN, signal))
    if (asOfUs > lookedAtUs) return null
    if (performance.now() > deadlineMs) return notRefreshed(asOfUs, lookedAtUs, withinMs)
    await delay(POLL_MS, undefined, { signal })
  }
}

function notRefreshed(asOfUs: number, lookedAtUs: number, withinMs: number): string {
  const since =
    asOfUs === 0
      ? 'it never was'
      : `it is as of ${String(Math.round((lookedAtUs - asOfUs) / US_PER_MS))} ms before the audit looked`
  return `the view ${VIEW_SOURCE} was not refreshed within ${String(withinMs)} ms of the audit, and ${since}: the log of the worker says why ("the view cannot be refreshed", "staged rows cannot be moved")`
}

async function textOf(database: Texts, query: string, signal: AbortSignal): Promise<string> {
  for await (const [row] of database.textRows(query, signal))
    if (row?.[0] !== undefined) return row[0]
  throw new Error(`${VIEW_SOURCE} has lost the row that says how old it is`)
}

function shownBy(event: Readonly<Record<string, unknown>>): Shown | null {
  const { tenant_id, entity_id, attribute, written_at, value } = event
  if (!OF_THE_VIEW.has(attribute)) return null
  const hour = new Date(String(written_at)).toISOString().slice(0, HOUR_LENGTH)
  const key = [tenant_id, entity_id, attribute, hour, value].map(String).join('/')
  return { key, ...THERE }
}
