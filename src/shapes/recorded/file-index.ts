/**
 * Where each recorded event stands in its file, when it happened, who it is and what it is worth: 36 bytes an
 * event, about 44 with the table that finds an event by its identity.
 */
import { mix32 } from '../seeded/counter-hash.ts'

/** Typed arrays of this length still fit the machines Headroom runs on: 2.2 GB. */
export const RECORDED_EVENTS_MAX = 50_000_000
const FIRST_CAPACITY = 1 << 16

export interface RecordPlace {
  readonly offset: number
  readonly bytes: number
  readonly timeMs: number
  readonly identity: IdentityHash
  readonly value: number
}

/** 64 bits: among 50 M events two identities fall together with a chance of 1 in 15,000. */
export interface IdentityHash {
  readonly high: number
  readonly low: number
}

export function hashIdentity(source: string, id: string): IdentityHash {
  let high = 0x811c9dc5
  let low = 0x1b873593
  const text = `${source}\n${id}`
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    high = Math.imul(high ^ unit, 0x01000193)
    low = Math.imul(low ^ unit, 0x85ebca6b) ^ (low >>> 15)
  }
  return { high: mix32(high ^ text.length), low: mix32(low) }
}

export class RecordedIndex {
  #count = 0
  #offsets = new Float64Array(FIRST_CAPACITY)
  #bytes = new Uint32Array(FIRST_CAPACITY)
  #timesMs = new Float64Array(FIRST_CAPACITY)
  #values = new Float64Array(FIRST_CAPACITY)
  #high = new Uint32Array(FIRST_CAPACITY)
  #low = new Uint32Array(FIRST_CAPACITY)
  #table = new Uint32Array(0)

  get count(): number {
    return this.#count
  }

  /** In order of time once sorted. */
  get timesMs(): Float64Array {
    return this.#timesMs.subarray(0, this.#count)
  }

  add(place: RecordPlace): void {
    if (this.#count === this.#offsets.length) this.#grow()
    const at = this.#count++
    this.#offsets[at] = place.offset
    this.#bytes[at] = place.bytes
    this.#timesMs[at] = place.timeMs
    this.#values[at] = place.value
    this.#high[at] = place.identity.high
    this.#low[at] = place.identity.low
  }

  /** Puts events in order of time (file order among equals) and builds the table. Nothing may be added later. */
  seal(): void {
    this.#sortByTime()
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, this.#count * 1.5)))
    this.#table = new Uint32Array(slots)
    for (let index = 0; index < this.#count; index++) {
      const identity = this.identityOf(index)
      const slot = this.#slotOf(identity)
      if (this.#table[slot] === 0) this.#table[slot] = index + 1
    }
  }

  offsetOf(index: number): number {
    return this.#offsets[index] ?? 0
  }

  bytesOf(index: number): number {
    return this.#bytes[index] ?? 0
  }

  valueAt(index: number): number {
    return this.#values[index] ?? 0
  }

  identityOf(index: number): IdentityHash {
    return { high: this.#high[index] ?? 0, low: this.#low[index] ?? 0 }
  }

  /** The earliest event with this identity, or null. */
  find(identity: IdentityHash): number | null {
    const found = this.#table[this.#slotOf(identity)] ?? 0
    return found === 0 ? null : found - 1
  }

  /** The slot that holds this identity, or the free one where it would stand. */
  #slotOf({ high, low }: IdentityHash): number {
    const mask = this.#table.length - 1
    let slot = low & mask
    for (;;) {
      const entry = this.#table[slot] ?? 0
      if (entry === 0) return slot
      if (this.#high[entry - 1] === high && this.#low[entry - 1] === low) return slot
      slot = (slot + 1) & mask
    }
  }

  #sortByTime(): void {
    const times = this.#timesMs
    let sorted = true
    for (let at = 1; at < this.#count && sorted; at++) {
      sorted = (times[at - 1] ?? 0) <= (times[at] ?? 0)
    }
    if (sorted) return
    const order = new Uint32Array(this.#count)
    for (let at = 0; at < order.length; at++) order[at] = at
    order.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b)
    this.#offsets = permuted(this.#offsets, order)
    this.#bytes = permuted(this.#bytes, order)
    this.#timesMs = permuted(this.#timesMs, order)
    this.#values = permuted(this.#values, order)
    this.#high = permuted(this.#high, order)
    this.#low = permuted(this.#low, order)
  }

  #grow(): void {
    const capacity = Math.min(this.#count * 2, RECORDED_EVENTS_MAX)
    this.#offsets = grown(this.#offsets, capacity)
    this.#bytes = grown(this.#bytes, capacity)
    this.#timesMs = grown(this.#timesMs, capacity)
    this.#values = grown(this.#values, capacity)
    this.#high = grown(this.#high, capacity)
    this.#low = grown(this.#low, capacity)
  }
}

type Column = Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>

function blankLike<T extends Column>(column: T, length: number): T {
  return (column instanceof Float64Array ? new Float64Array(length) : new Uint32Array(length)) as T
}

function permuted<T extends Column>(column: T, order: Uint32Array): T {
  const result = blankLike(column, order.length)
  for (let at = 0; at < order.length; at++) result[at] = column[order[at] ?? 0] ?? 0
  return result
}

function grown<T extends Column>(column: T, capacity: number): T {
  const result = blankLike(column, capacity)
  result.set(column)
  return result
}
