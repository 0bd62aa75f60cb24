/**
 * What an outbox promises of the events that wait in it. In: its settings and those of its PostgreSQL. Out: what they survive
 * until they are delivered, and the words for it. The events themselves are in a table of their own, which is always logged.
 */
import type { StorePromise } from '../../../src/architecture/architecture.ts'
import { commitKept, POSTGRES_PART } from '../../../src/architecture/commit-promise.ts'
import type { OutboxSettings } from './settings.ts'

type Kept = Pick<OutboxSettings, 'unlogged'>

/** Not `emptied`: what was delivered is elsewhere, and stays. */
export function waitingKept(
  { unlogged }: Kept,
  database: Readonly<Record<string, string>>,
): Pick<StorePromise, 'survives' | 'lostWith'> {
  return unlogged ? { survives: 'nothing', lostWith: [POSTGRES_PART] } : commitKept(database)
}

/** To stand behind what a 2xx says of deliveries. */
export function unlessLost({ unlogged }: Kept): string {
  return unlogged
    ? '; the outbox is UNLOGGED, so what waits there when PostgreSQL crashes stays stored and is never delivered'
    : ''
}
