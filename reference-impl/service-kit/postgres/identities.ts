/** Where a table is split by time, its repeats are found beside it: what that means to a reader, and to rows that were loaded. */
import type { EventsStoreOptions } from '../../../src/engines/engine.ts'
import type { Identity } from './statements.ts'

/** Its bytes are the store's too, and rows that were loaded past the service have their identities made afterwards. */
export const IDENTITY_TABLE: Pick<EventsStoreOptions, 'beside' | 'load'> = {
  beside: ['event_identities'],
  load: {
    table: 'events',
    then: [
      'INSERT INTO event_identities SELECT organization_id, transaction_id, timestamp FROM events ON CONFLICT DO NOTHING',
    ],
  },
}

/** Clauses of the sentence that says what an accepted event is; none where a repeat is always told. */
export function repeatWords(identity: Identity): readonly string[] {
  switch (identity) {
    case 'first-wins-per-time':
      return [
        'one that is sent again is told only with the same timestamp, and stored again with another',
      ]
    case 'kept':
      return ['one that is sent again is accepted and stored again']
    case 'first-wins':
    case 'last-wins':
    case 'identity-table':
      return []
  }
}
