/** UUIDs of a seed's organizations by rank, made when first asked for and kept: 100 bytes for each that occurs. */
import { CounterHash } from './counter-hash.ts'
import { textPieces } from './fields.ts'
import { uuidText } from './uuid-text.ts'

const ORGANIZATION_PURPOSE = 2

export class Organizations {
  readonly #hash: CounterHash
  readonly #words = new Uint32Array(4)
  readonly #texts: string[] = []
  readonly #textPieces: Float64Array[] = []

  constructor(seed: number) {
    this.#hash = new CounterHash(seed, ORGANIZATION_PURPOSE)
  }

  textOf(rank: number): string {
    return (this.#texts[rank] ??= this.#makeText(rank))
  }

  /** For a TextField. */
  textPiecesOf(rank: number): Float64Array {
    return (this.#textPieces[rank] ??= textPieces(this.textOf(rank)))
  }

  #makeText(rank: number): string {
    const words = this.#words
    this.#hash.seat(rank)
    words.set(this.#hash.words.subarray(0, 4))
    words[1] = ((words[1] ?? 0) & 0xffff0fff) | 0x4000
    words[2] = ((words[2] ?? 0) & 0x3fffffff) | 0x80000000
    return uuidText(words)
  }
}
