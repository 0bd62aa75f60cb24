/**
 * transaction_id of index i and back in O(1), with no table of what was sent. The permuted index hides in the random
 * bits; the others are check bits of (seed, index), so an id made by anybody else is recognised as foreign.
 */
import { INDEX_LIMIT } from '../stream.ts'
import type { CounterHash } from './counter-hash.ts'
import { mix32 } from './counter-hash.ts'
import { DigitsField, UUID_TEMPLATE, UuidField } from './fields.ts'
import { IndexPermutation } from './permutation.ts'
import { parseUuid } from './uuid-text.ts'

/** Where ids are written. */
export interface IdField {
  /** The hash must be seated on `index`. @param createdMs whole epoch ms, used by uuidv7 */
  write(index: number, createdMs: number): void
}

export interface Identifiers {
  /** An id's text before the first write: as long as every other. */
  readonly template: string
  fieldIn(bytes: Uint8Array, at: number): IdField
  /** The only index that can have this id, or null; leaves the hash seated on it. */
  indexOf(id: string): number | null
}

/** The first of three words of the event's hash that identifiers use. */
const CHECK_WORD = 4
const TWO_TO_16 = 0x10000

export interface IdentifierOptions {
  readonly seed: number
  /** Other marks, other ids for the same indexes; empty: none. */
  readonly mark: string
  /** Shared with the stream, so that one seat serves all of an event. */
  readonly hash: CounterHash
}

/** 32 bits of a mark for each of two uses; 0 where there is none. */
function markWord(mark: string, use: number): number {
  let word = 0
  for (let at = 0; at < mark.length; at++)
    word = mix32(word ^ (mark.charCodeAt(at) + use * 0x10000))
  return word
}

/** 48 bits of permuted index first, 74 check bits behind: ids arrive at random places of an index, as real ones do. */
export function randomUuids({ seed, mark, hash }: IdentifierOptions): Identifiers {
  const permutation = new IndexPermutation(seed ^ markWord(mark, 1))
  const check = markWord(mark, 2)
  const words = new Uint32Array(4)
  const found = new Uint32Array(4)
  const fill = (): void => {
    permutation.permute(hash.high, hash.low)
    const { left, right } = permutation
    words[0] = (left << 8) | (right >>> 16)
    words[1] = (right << 16) | 0x4000 | ((hash.words[CHECK_WORD] ?? 0) & 0xfff)
    words[2] = 0x80000000 | ((hash.words[CHECK_WORD + 1] ?? 0) & 0x3fffffff)
    words[3] = (hash.words[CHECK_WORD + 2] ?? 0) ^ check
  }
  return {
    template: UUID_TEMPLATE,
    fieldIn: (bytes, at) => {
      const field = new UuidField(bytes, at)
      return {
        write: () => {
          fill()
          field.write(words)
        },
      }
    },
    indexOf: (id) => {
      if (!parseUuid(id, found)) return null
      const w0 = found[0] ?? 0
      const w1 = found[1] ?? 0
      const w2 = found[2] ?? 0
      const w3 = found[3] ?? 0
      const index = permutation.invert(w0 >>> 8, ((w0 & 255) << 16) | (w1 >>> 16))
      hash.seat(index)
      fill()
      return w1 === words[1] && w2 === words[2] && w3 === words[3] ? index : null
    },
  }
}

/** RFC 9562 version 7: 48 bits of creation time, 48 of permuted index, 26 check bits; the time checks as well. */
export function timeOrderedUuids(
  { seed, mark, hash }: IdentifierOptions,
  createdMsOf: (index: number) => number,
): Identifiers {
  const permutation = new IndexPermutation(seed ^ markWord(mark, 1))
  const check = markWord(mark, 2)
  const words = new Uint32Array(4)
  const found = new Uint32Array(4)
  const fill = (createdMs: number): void => {
    permutation.permute(hash.high, hash.low)
    const { left, right } = permutation
    const timeHigh = Math.floor(createdMs / TWO_TO_16)
    words[0] = timeHigh
    words[1] = ((createdMs - timeHigh * TWO_TO_16) << 16) | 0x7000 | (left >>> 12)
    words[2] = 0x80000000 | ((left & 0xfff) << 18) | (right >>> 6)
    words[3] = ((right & 63) << 26) | (((hash.words[CHECK_WORD] ?? 0) ^ check) & 0x3ffffff)
  }
  return {
    template: UUID_TEMPLATE,
    fieldIn: (bytes, at) => {
      const field = new UuidField(bytes, at)
      return {
        write: (_index, createdMs) => {
          fill(createdMs)
          field.write(words)
        },
      }
    },
    indexOf: (id) => {
      if (!parseUuid(id, found)) return null
      const w0 = found[0] ?? 0
      const w1 = found[1] ?? 0
      const w2 = found[2] ?? 0
      const w3 = found[3] ?? 0
      const left = ((w1 & 0xfff) << 12) | ((w2 >>> 18) & 0xfff)
      const index = permutation.invert(left, ((w2 & 0x3ffff) << 6) | (w3 >>> 26))
      hash.seat(index)
      // The check bits first: a schedule need not know the time of an index that no event has.
      if (((w3 ^ (hash.words[CHECK_WORD] ?? 0) ^ check) & 0x3ffffff) !== 0) return null
      fill(createdMsOf(index))
      const same = w0 === words[0] && w1 === words[1] && w2 === words[2] && w3 === words[3]
      return same ? index : null
    },
  }
}

const SEQUENCE_DIGITS = 16
const HALF_DIGITS = 8
const HALF_LIMIT = 1e8

/** `tx-<seed>-[<mark>-]<16 digits>`: the friendliest ids an index can get. Only the prefix tells them from foreign ones. */
export function sequentialIds({ seed, mark, hash }: IdentifierOptions): Identifiers {
  const prefix = `tx-${seed.toString(36)}-${mark === '' ? '' : `${mark}-`}`
  const template = prefix + '0'.repeat(SEQUENCE_DIGITS)
  const digits = /^\d{16}$/
  return {
    template,
    fieldIn: (bytes, at) => {
      const upper = new DigitsField(bytes, at + prefix.length, HALF_DIGITS)
      const lower = new DigitsField(bytes, at + prefix.length + HALF_DIGITS, HALF_DIGITS)
      return {
        write: (index) => {
          const high = Math.floor(index / HALF_LIMIT)
          upper.write(high)
          lower.write(index - high * HALF_LIMIT)
        },
      }
    },
    indexOf: (id) => {
      if (id.length !== template.length || !id.startsWith(prefix)) return null
      const tail = id.slice(prefix.length)
      if (!digits.test(tail)) return null
      const index = Number(tail)
      if (index >= INDEX_LIMIT) return null
      hash.seat(index)
      return index
    },
  }
}
