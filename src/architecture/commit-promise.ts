/** What a commit of PostgreSQL survives, read from the settings that decide it. */
import type { StorePromise } from './architecture.ts'

const OFF = new Set(['off', 'false', 'no', '0'])

/**
 * synchronous_commit=off leaves up to three wal_writer_delays of acked commits in shared memory, which dies with the
 * server; without fsync or full_page_writes they are in the page cache, which dies with the machine
 * (https://www.postgresql.org/docs/18/wal-async-commit.html, runtime-config-wal.html).
 */
export function commitSurvives(
  settings: Readonly<Record<string, string>>,
): StorePromise['survives'] {
  const isOff = (name: string): boolean => OFF.has((settings[name] ?? 'on').toLowerCase())
  if (isOff('synchronous_commit')) return 'nothing'
  return isOff('fsync') || isOff('full_page_writes') ? 'process-kill' : 'power-loss'
}

/** The same, and whose end takes along what does not survive one: a commit that is still in memory is in the server's. */
export function commitKept(
  settings: Readonly<Record<string, string>>,
): Pick<StorePromise, 'survives' | 'lostWith'> {
  const survives = commitSurvives(settings)
  return survives === 'nothing' ? { survives, lostWith: [POSTGRES_PART] } : { survives }
}

export function postgresPromise(settings: Readonly<Record<string, string>>): StorePromise {
  return {
    store: POSTGRES_STORE,
    ...commitKept(settings),
    delivery: 'exactly-once',
    readAfterAck: 'at-once',
    duplicates: 'one-row',
  }
}

export const POSTGRES_STORE = 'postgres.events'
/** What runs call the server that is written to. */
export const POSTGRES_PART = 'postgres'

/** What a commit means, for the sentence in reports. */
export function commitWords(settings: Readonly<Record<string, string>>): string {
  switch (commitSurvives(settings)) {
    case 'nothing':
      return 'committed, but still in memory for up to 600 ms (synchronous_commit=off)'
    case 'process-kill':
      return 'committed and handed to the operating system, but not forced to disk'
    case 'power-loss':
    case 'node-loss':
      return 'committed and flushed to disk'
  }
}
