/**
 * transaction_id of index i and back in O(1), with no table of what was sent. The permuted index hides in the random
 * bits; the others are check bits of (seed, index), so an id made by anybody else is recognised as foreign.
 */
import { INDEX_LIMIT } from '../stream.ts'
import { CounterHash } from './counter-hash.ts'
import { IndexPermutation } from './permutation.ts'
import { parseUuid, patchUuid, UUID_TEXT_BYTES } from './uuid-text.ts'

export interface Identifiers {
  readonly textBytes: number
  /** What the bytes hold before a patch: the parts no index changes. */
  readonly template: string
  /** Writes the id of `index` over a copy of the template. @param createdMs whole epoch ms, used by uuidv7 */
  patch(index: number, createdMs: number, target: Uint8Array, at: number): void
  /** The only index that can have this id, or null; a uuidv7's time is not checked here. */
  indexOf(id: string): number | null
}

const UUID_TEMPLATE = '00000000-0000-0000-0000-000000000000'
const TWO_TO_16 = 0x10000
const CHECK_PURPOSE = 7

/** 48 bits of permuted index first, 74 check bits behind: ids arrive at random places of an index, as real ones do. */
export function randomUuids(seed: number): Identifiers {
  const permutation = new IndexPermutation(seed)
  const check = new CounterHash(seed, CHECK_PURPOSE)
  const words = new Uint32Array(4)
  const found = new Uint32Array(4)
  const fill = (index: number): void => {
    permutation.permute(index)
    check.seat(index)
    const { left, right } = permutation
    words[0] = (left << 8) | (right >>> 16)
    words[1] = (right << 16) | 0x4000 | (check.word(0) & 0xfff)
    words[2] = 0x80000000 | (check.word(1) & 0x3fffffff)
    words[3] = check.word(2)
  }
  return {
    textBytes: UUID_TEXT_BYTES,
    template: UUID_TEMPLATE,
    patch: (index, _createdMs, target, at) => {
      fill(index)
      patchUuid(words, target, at)
    },
    indexOf: (id) => {
      if (!parseUuid(id, found)) return null
      const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = found
      const index = permutation.invert(w0 >>> 8, ((w0 & 255) << 16) | (w1 >>> 16))
      fill(index)
      return w1 === words[1] && w2 === words[2] && w3 === words[3] ? index : null
    },
  }
}

/** RFC 9562 version 7: 48 bits of creation time, 48 of permuted index, 26 check bits. */
export function timeOrderedUuids(seed: number): Identifiers {
  const permutation = new IndexPermutation(seed)
  const check = new CounterHash(seed, CHECK_PURPOSE)
  const words = new Uint32Array(4)
  const found = new Uint32Array(4)
  const fill = (index: number, createdMs: number): void => {
    permutation.permute(index)
    check.seat(index)
    const { left, right } = permutation
    const timeHigh = Math.floor(createdMs / TWO_TO_16)
    words[0] = timeHigh
    words[1] = ((createdMs - timeHigh * TWO_TO_16) << 16) | 0x7000 | (left >>> 12)
    words[2] = 0x80000000 | ((left & 0xfff) << 18) | (right >>> 6)
    words[3] = ((right & 63) << 26) | (check.word(0) & 0x3ffffff)
  }
  return {
    textBytes: UUID_TEXT_BYTES,
    template: UUID_TEMPLATE,
    patch: (index, createdMs, target, at) => {
      fill(index, createdMs)
      patchUuid(words, target, at)
    },
    indexOf: (id) => {
      if (!parseUuid(id, found)) return null
      const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = found
      const left = ((w1 & 0xfff) << 12) | ((w2 >>> 18) & 0xfff)
      const index = permutation.invert(left, ((w2 & 0x3ffff) << 6) | (w3 >>> 26))
      fill(index, w0 * TWO_TO_16 + (w1 >>> 16))
      return w1 === words[1] && w2 === words[2] && w3 === words[3] ? index : null
    },
  }
}

const SEQUENCE_DIGITS = 16

/** `tx-<seed>-<16 digits>`: the friendliest ids an index can get. Only the prefix tells them from foreign ones. */
export function sequentialIds(seed: number): Identifiers {
  const prefix = `tx-${seed.toString(36)}-`
  const textBytes = prefix.length + SEQUENCE_DIGITS
  const digits = /^\d{16}$/
  return {
    textBytes,
    template: prefix + '0'.repeat(SEQUENCE_DIGITS),
    patch: (index, _createdMs, target, at) => {
      const high = Math.floor(index / 1e8)
      patchDigits(high, 8, target, at + prefix.length)
      patchDigits(index - high * 1e8, 8, target, at + prefix.length + 8)
    },
    indexOf: (id) => {
      if (id.length !== textBytes || !id.startsWith(prefix)) return null
      const tail = id.slice(prefix.length)
      if (!digits.test(tail)) return null
      const index = Number(tail)
      return index < INDEX_LIMIT ? index : null
    },
  }
}

/** Decimal digits with leading zeros. @param value below 2^31 */
export function patchDigits(value: number, width: number, target: Uint8Array, at: number): void {
  let rest = value | 0
  for (let position = at + width - 1; position >= at; position--) {
    const quotient = (rest / 10) | 0
    target[position] = 48 + (rest - quotient * 10)
    rest = quotient
  }
}
