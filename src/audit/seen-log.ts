/**
 * When each event was first seen in a store: a positional file of u32, one per event index, in SEEN_UNIT_US since the
 * run's epoch. A few pages are held in memory, the rest lies on disk: a run of any length costs the same memory.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { SeenLog } from '../collect/freshness.ts'

export const SEEN_UNIT_US = 50
/** Later moments are noted as this one: 59 hours. */
const UNITS_MAX = 0xfffffffe
const PAGE_EVENTS = 65_536
const PAGE_BYTES = PAGE_EVENTS * 4
/** 16 MiB: arrivals come in nearly the order of their index, so few pages are in use at a time. */
const PAGES_HELD_MAX = 64

export interface SeenLogFile extends SeenLog, AsyncDisposable {
  /** µs after the epoch, or null when the event was never seen. */
  seenUs(index: number): number | null
}

interface Page {
  readonly units: Uint32Array
  dirty: boolean
}

/** Creates the file anew; disposing closes and removes it. */
export function openSeenLog(file: string): Promise<SeenLogFile> {
  return Promise.resolve(new PagedLog(file))
}

class PagedLog implements SeenLogFile {
  readonly #file: string
  readonly #descriptor: number
  /** In order of use, the least recently used first. */
  readonly #pages = new Map<number, Page>()
  #lastAt = -1
  #lastPage: Page = { units: new Uint32Array(0), dirty: false }

  constructor(file: string) {
    this.#file = file
    this.#descriptor = openSync(file, 'w+')
  }

  seen(index: number, atMs: number): void {
    const page = this.#pageOf(index)
    const units = Math.max(0, Math.round((atMs * 1_000) / SEEN_UNIT_US))
    // 0 means never: every moment is noted one unit later.
    page.units[index % PAGE_EVENTS] = Math.min(UNITS_MAX, units) + 1
    page.dirty = true
  }

  seenUs(index: number): number | null {
    const units = this.#pageOf(index).units[index % PAGE_EVENTS] ?? 0
    return units === 0 ? null : (units - 1) * SEEN_UNIT_US
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#descriptor)
    await rm(this.#file, { force: true })
  }

  #pageOf(index: number): Page {
    const at = Math.floor(index / PAGE_EVENTS)
    if (at === this.#lastAt) return this.#lastPage
    const page = this.#pages.get(at) ?? this.#load(at)
    this.#pages.delete(at)
    this.#pages.set(at, page)
    this.#lastAt = at
    this.#lastPage = page
    return page
  }

  #load(at: number): Page {
    for (const [oldest, page] of this.#pages) {
      if (this.#pages.size < PAGES_HELD_MAX) break
      if (page.dirty) writeSync(this.#descriptor, page.units, 0, PAGE_BYTES, oldest * PAGE_BYTES)
      this.#pages.delete(oldest)
    }
    const page: Page = { units: new Uint32Array(PAGE_EVENTS), dirty: false }
    if (at * PAGE_BYTES < fstatSync(this.#descriptor).size) {
      readSync(this.#descriptor, page.units, 0, PAGE_BYTES, at * PAGE_BYTES)
    }
    return page
  }
}
