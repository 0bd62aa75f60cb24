/**
 * Random draws from a set of events. In: the set and a seed. Out: every member once, in an order the seed decides: the first
 * n of them are n draws without replacement, whatever rhythm the events themselves were sent or lost in.
 */
import { mix32 } from '../shapes/seeded/counter-hash.ts'
import type { IndexBits } from './index-bits.ts'

const ROUNDS = 6
const GOLDEN = 0x9e3779b1

export function* drawn(of: IndexBits, seed: number): Generator<number> {
  const members = of.count()
  if (members === 0) return
  const memberAt = of.selector()
  // A Feistel network permutes 2^(2·half) positions, at most four times as many as there are members: others are skipped.
  const half = Math.max(1, Math.ceil(Math.log2(members) / 2))
  const keys = Array.from({ length: ROUNDS }, (_, round) =>
    mix32(mix32(seed) + Math.imul(round + 1, GOLDEN)),
  )
  for (let at = 0; at < 4 ** half; at++) {
    const position = permuted(at, half, keys)
    if (position < members) yield memberAt(position)
  }
}

function permuted(at: number, half: number, keys: readonly number[]): number {
  const size = 2 ** half
  let left = Math.floor(at / size)
  let right = at % size
  for (const key of keys) {
    const next = left ^ (mix32(right ^ key) & (size - 1))
    left = right
    right = next
  }
  return left * size + right
}
