/** What an architecture hands to the edge: where events go, who answers reads, and how it is closed. */
import type { Door } from './door.ts'
import type { IngestEvent } from './event.ts'
import type { RouterMeter } from './freshness/router.ts'
import type { SecondaryMeter } from './meters.ts'
import type { EntityReads, Reads } from './reads.ts'
import type { Answer } from './written.ts'

export interface Ingest<Event = IngestEvent> extends AsyncDisposable {
  /** Of the shape of events it takes. */
  readonly door: Door<Event>
  /** Answers once, never rejects. Dispose answers everything submitted before it closes its stores. */
  submit(events: readonly Event[], answer: (answer: Answer) => void): void
  readonly reads: Reads
  /** Answers what an entity is like now; absent: events here are about none. */
  readonly entities?: EntityReads
  /** Resolves when every store that the ack depends on answers; rejects otherwise. */
  ping(): Promise<void>
  /** A second store written after the ack; null where there is none. */
  secondary(): SecondaryMeter | null
  /** What answered which reads; absent where there is one copy and nothing before it. */
  routed?(): RouterMeter
  /** Lines of the /metrics page that only this architecture has; absent: none. */
  metrics?(): readonly string[]
}
