/** UUIDs of a seed's organizations by rank, made when first asked for and kept: 100 bytes for each that occurs. */
import { CounterHash } from './counter-hash.ts'
import { latin1Bytes } from './fields.ts'
import { uuidText } from './uuid-text.ts'

const ORGANIZATION_PURPOSE = 2

export class Organizations {
  readonly #hash: CounterHash
  readonly #words = new Uint32Array(4)
  readonly #texts: string[] = []
  readonly #bytes: Uint8Array[] = []

  constructor(seed: number) {
    this.#hash = new CounterHash(seed, ORGANIZATION_PURPOSE)
  }

  textOf(rank: number): string {
    return (this.#texts[rank] ??= this.#makeText(rank))
  }

  bytesOf(rank: number): Uint8Array {
    return (this.#bytes[rank] ??= latin1Bytes(this.textOf(rank)))
  }

  #makeText(rank: number): string {
    const words = this.#words
    this.#hash.seat(rank)
    words[0] = this.#hash.word(0)
    words[1] = (this.#hash.word(1) & 0xffff0fff) | 0x4000
    words[2] = (this.#hash.word(2) & 0x3fffffff) | 0x80000000
    words[3] = this.#hash.word(3)
    return uuidText(words)
  }
}
