/**
 * The second store of a dual write: events the first one accepted, sent once from a bounded queue in memory. What does
 * not fit or fails is counted and gone; nobody who waits for an answer ever learns of it. That is the design.
 */
import { Admission } from '../service-kit/admission.ts'
import type { IngestEvent } from '../service-kit/event.ts'
import type { GroupCommit } from '../service-kit/group-commit.ts'
import type { SecondaryMeter } from '../service-kit/meters.ts'
import type { Answer } from '../service-kit/written.ts'

export interface SecondaryLimits {
  readonly queueEventsMax: number
  readonly queueBytesMax: number
}

/** Besides the properties: identifiers, code, timestamp, value. */
const EVENT_OVERHEAD_BYTES = 200

export class Secondary implements AsyncDisposable {
  readonly #commit: GroupCommit
  readonly #admission: Admission
  /** Insertion order is age: the first is the oldest that is not settled. */
  readonly #outstanding = new Set<{ readonly atMs: number }>()
  #storedEvents = 0
  #failedEvents = 0

  constructor(commit: GroupCommit, limits: SecondaryLimits) {
    this.#commit = commit
    this.#admission = new Admission(limits)
  }

  /** Returns at once. */
  send(events: readonly IngestEvent[]): void {
    if (events.length === 0) return
    const bytes = events.reduce(
      (sum, event) => sum + event.properties.length + EVENT_OVERHEAD_BYTES,
      0,
    )
    if (!this.#admission.admit(events.length, bytes)) {
      this.#failedEvents += events.length
      return
    }
    const entry = { atMs: performance.now() }
    this.#outstanding.add(entry)
    this.#commit.submit(events, (answer) => {
      this.#outstanding.delete(entry)
      this.#admission.release(events.length, bytes)
      this.#count(answer, events.length)
    })
  }

  meter(): SecondaryMeter {
    return {
      queueEvents: this.#admission.events,
      storedEvents: this.#storedEvents,
      failedEvents: this.#failedEvents,
    }
  }

  /** Age of the oldest event that is accepted and not settled here. */
  lagS(): number {
    const [oldest] = this.#outstanding
    return oldest === undefined ? 0 : (performance.now() - oldest.atMs) / 1_000
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commit[Symbol.asyncDispose]()
  }

  /** An unknown outcome counts as failed: nobody will find out, and the count must not flatter. */
  #count(answer: Answer, events: number): void {
    const storedEvents = answer.state === 'stored' ? events - answer.rejected.length : 0
    this.#storedEvents += storedEvents
    this.#failedEvents += events - storedEvents
  }
}
