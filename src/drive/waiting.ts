/** Requests that are due and wait for a connection, first in, first out. Bounded; no memory is taken while it runs. */
import { assert } from '../kit/errors.ts'

export class WaitingRequests {
  readonly #requests: Float64Array
  #first = 0
  #count = 0

  constructor(requestsMax: number) {
    this.#requests = new Float64Array(requestsMax)
  }

  get count(): number {
    return this.#count
  }

  push(request: number): void {
    assert(this.#count < this.#requests.length, 'more requests wait than may be in flight')
    this.#requests[(this.#first + this.#count++) % this.#requests.length] = request
  }

  /** @returns −1 when nobody waits */
  shift(): number {
    if (this.#count === 0) return -1
    const request = this.#requests[this.#first] ?? -1
    this.#first = (this.#first + 1) % this.#requests.length
    this.#count--
    return request
  }
}
