/** Everything that chance decides about event i of a seed: who sent it, what it is worth, whether it repeats another. */
import type { EventPopulation } from '../../scenario/scenario.ts'
import { PRELOAD_BASE_INDEX, type GeneratedStreamSpec } from '../stream.ts'
import { CounterHash, thresholdOf, TWO_TO_32 } from './counter-hash.ts'
import { VALUE64_LIMIT } from './value-text.ts'
import { zipfTable, type RankTable } from './zipf.ts'

/** A deliberate duplicate repeats an original at most this many indexes back. */
export const DUPLICATE_WINDOW = 2_048
/** Every index that divides by this is an original: the search for one ends there at the latest. */
const ANCHOR_EVERY = DUPLICATE_WINDOW / 2
const PROBES_MAX = 8

/** Which word of an event's hash decides what. Part of the stream's identity: never renumber. */
const WORD = {
  organization: 0,
  customer: 1,
  code: 2,
  value: 3,
  // 4, 5 and 6 are the check bits of identifiers.ts.
  duplicate: 8,
  duplicateDistance: 9,
  late: 10,
  outOfOrder: 11,
  outOfOrderBy: 12,
} as const
const EVENT_PURPOSE = 1

/** All but `canonicalOf` speak of the event on which `hash` is seated. */
export class EventDraw {
  readonly hash: CounterHash
  /** Set by who writes the event down: which one it is, when it was made, and its own time, in whole epoch ms. */
  canonical = 0
  createdMs = 0
  timeMs = 0
  /** Of the event of the last `draw`. */
  organizationRank = 0
  customerRank = 0
  codeRank = 0
  /** 0 … 15, for properties of a few texts. */
  choice = 0
  value64 = 0
  readonly #events: EventPopulation
  readonly #organizationRanks: RankTable
  readonly #customerRanks: RankTable
  readonly #duplicateThreshold: number
  readonly #lateThreshold: number
  readonly #outOfOrderThreshold: number

  constructor({ seed, events }: GeneratedStreamSpec) {
    this.hash = new CounterHash(seed, EVENT_PURPOSE)
    this.#events = events
    this.#organizationRanks = zipfTable(events.organizations, events.zipfExponent)
    this.#customerRanks = zipfTable(events.customers, events.zipfExponent)
    this.#duplicateThreshold = thresholdOf(events.duplicateRatio)
    this.#lateThreshold = thresholdOf(events.lateRatio)
    this.#outOfOrderThreshold = thresholdOf(events.outOfOrderRatio)
  }

  /** The index whose bytes event `index` repeats, and the hash seated on it. */
  seatCanonical(index: number): number {
    const canonical = this.canonicalOf(index)
    this.hash.seat(canonical)
    return canonical
  }

  canonicalOf(index: number): number {
    if (!this.isDuplicate(index)) return index
    const reach = Math.min(index, ANCHOR_EVERY)
    const first = index - 1 - (this.hash.lateWord(WORD.duplicateDistance) % reach)
    // Nearly always the first probe is an original; the anchor bounds the search where duplicates are the rule.
    for (let probe = first; probe >= 0 && probe > first - PROBES_MAX; probe--) {
      if (!this.isDuplicate(probe)) return probe
    }
    return first - (first % ANCHOR_EVERY)
  }

  /** Leaves the hash seated on `index` where there are duplicates at all. */
  isDuplicate(index: number): boolean {
    if (this.#duplicateThreshold === 0) return false
    if (index % ANCHOR_EVERY === 0 || index >= PRELOAD_BASE_INDEX) return false
    this.hash.seat(index)
    return this.hash.happens(WORD.duplicate, this.#duplicateThreshold)
  }

  /** Draws all that every event has, in whole numbers below 2^31: what leaves a function as such takes no memory. */
  draw(): void {
    const { words } = this.hash
    this.organizationRank = this.#organizationRanks.rankOf(words[WORD.organization] ?? 0)
    this.customerRank = this.#customerRanks.rankOf(words[WORD.customer] ?? 0)
    const code = words[WORD.code] ?? 0
    this.codeRank = code % (this.#events.codes >>> 0)
    this.choice = code >>> 28
    this.value64 = Math.floor(((words[WORD.value] ?? 0) / TWO_TO_32) * VALUE64_LIMIT)
  }

  /** Whole milliseconds by which the event's own time lies before its creation. */
  delayMs(index: number): number {
    if (index >= PRELOAD_BASE_INDEX) return 0
    if (this.hash.happens(WORD.late, this.#lateThreshold)) {
      return Math.floor(this.#events.lateByS * 1000)
    }
    if (!this.hash.happens(WORD.outOfOrder, this.#outOfOrderThreshold)) return 0
    const share = this.hash.lateWord(WORD.outOfOrderBy) / TWO_TO_32
    return Math.floor(share * (this.#events.outOfOrderByMs + 1))
  }
}
