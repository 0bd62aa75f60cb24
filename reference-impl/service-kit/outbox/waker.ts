/**
 * Wakes who waits for work. In: calls of `wake`, from a NOTIFY or from the end of a batch. Out: waits that end at once
 * where a call came since the last one: a wake-up between a look and the wait is not lost.
 */
export class Waker {
  #pending = false
  #waiting: (() => void) | null = null

  wake(): void {
    this.#pending = true
    this.#waiting?.()
  }

  /** Call before looking: what wakes from here on ends the next wait. */
  forget(): void {
    this.#pending = false
  }

  /** One waiter at a time. Resolves after `ms` at the latest. */
  async wait(ms: number): Promise<void> {
    if (this.#pending) return
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#waiting = null
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#waiting = end
    })
  }
}
