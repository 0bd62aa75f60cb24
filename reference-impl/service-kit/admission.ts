/** The bound on everything a service holds in memory: events and bytes admitted and not yet answered. */
export interface AdmissionLimits {
  readonly queueEventsMax: number
  readonly queueBytesMax: number
}

export class Admission {
  readonly #limits: AdmissionLimits
  #events = 0
  #bytes = 0

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  /** Whether nothing at all fits any more: a request may then be shed before it is parsed. */
  get full(): boolean {
    return this.#events >= this.#limits.queueEventsMax || this.#bytes >= this.#limits.queueBytesMax
  }

  /** An empty queue takes any request the body limit lets through, so none is refused for ever. */
  admit(events: number, bytes: number): boolean {
    const fits =
      this.#events + events <= this.#limits.queueEventsMax &&
      this.#bytes + bytes <= this.#limits.queueBytesMax
    if (!fits && this.#events > 0) return false
    this.#events += events
    this.#bytes += bytes
    return true
  }

  release(events: number, bytes: number): void {
    this.#events -= events
    this.#bytes -= bytes
  }

  get events(): number {
    return this.#events
  }

  get bytes(): number {
    return this.#bytes
  }
}
