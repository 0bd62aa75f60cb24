/** A sum of integers that never rounds: doubles while they are exact, a bigint for the rest. */

const FLUSH_AT = 2 ** 52

export class ExactSum {
  #near = 0
  #far = 0n

  /** @param integer a whole number below 2^52; anything else (NaN of a lost value) adds nothing */
  add(integer: number): void {
    if (!Number.isSafeInteger(integer)) return
    this.#near += integer
    if (this.#near < FLUSH_AT && this.#near > -FLUSH_AT) return
    this.#far += BigInt(this.#near)
    this.#near = 0
  }

  get total(): bigint {
    return this.#far + BigInt(this.#near)
  }
}
