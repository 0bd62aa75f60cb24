/**
 * The moment from which a batch counts as unanswered. An AbortSignal with a timer for every batch costs more than many a
 * statement, so one sweep looks after all of them, and a signal is only made for who asks.
 */
export class Deadline {
  readonly #atMs: number
  #controller: AbortController | null = null
  #expired = false
  #onExpire: (() => void) | null = null

  /** @param atMs by performance.now() */
  constructor(atMs: number) {
    this.#atMs = atMs
  }

  get expired(): boolean {
    return this.#expired
  }

  /** One listener; called at once when it is already too late. */
  whenExpired(listener: (() => void) | null): void {
    this.#onExpire = listener
    if (this.#expired) listener?.()
  }

  /** Aborts when the deadline passes. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#expired) this.#controller.abort()
    return this.#controller.signal
  }

  /** Called by the sweep. */
  check(nowMs: number): void {
    if (this.#expired || nowMs < this.#atMs) return
    this.#expired = true
    this.#controller?.abort()
    this.#onExpire?.()
  }
}
