/**
 * Owns resources until they are closed in reverse order, or handed over with `move()`.
 * Node 20 has no AsyncDisposableStack; this is the part of it that is needed here.
 */
export class Scope implements AsyncDisposable {
  #closers: (() => Promise<void> | void)[] = []

  use<T extends AsyncDisposable>(resource: T): T {
    this.#closers.push(() => resource[Symbol.asyncDispose]() as Promise<void>)
    return resource
  }

  defer(close: () => Promise<void> | void): void {
    this.#closers.push(close)
  }

  /** Hands everything acquired so far to a new scope; this one closes nothing any more. */
  move(): Scope {
    const next = new Scope()
    next.#closers = this.#closers
    this.#closers = []
    return next
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = []
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length === 1) throw failures[0]
    if (failures.length > 1) throw new AggregateError(failures, 'some resources failed to close')
  }
}
