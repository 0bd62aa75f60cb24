/**
 * One pass over what a store gives out. In: rows in any order. Out: which events they are, which came twice, which
 * hold another value, and exact sums. Memory is a few bits per event, whatever the number of rows.
 */
import type { StoredRows } from '../engines/engine.ts'
import { PRELOAD_BASE_INDEX, type EventStream } from '../shapes/stream.ts'
import { ExactSum } from './exact-sum.ts'
import { IndexBits } from './index-bits.ts'
import type { SentEvents } from './sent-events.ts'

export interface ScanInput {
  readonly rows: AsyncIterable<StoredRows>
  readonly sent: SentEvents
  readonly stream: EventStream
  /** Where preloaded rows come from: the same stream unless the run replays a file. */
  readonly preloadStream: EventStream
  readonly preloadedRows: number
  readonly listLimit: number
  readonly signal: AbortSignal
  /** Whose rows they are: all of them the run's own, or those of a store that others write to as well. */
  readonly of?: 'own-store' | 'shared-store'
  /** What a row says of its event; absent: everything. */
  readonly yields?: { readonly organization: boolean; readonly value: boolean }
}

export interface StoredScan {
  /** Rows read, preloaded ones included. */
  readonly rows: number
  /** Rows of neither this run's acknowledged or unanswered events nor its preload. */
  readonly foreignRows: number
  /** Rows of a shared store that are no event of this run: nobody's fault, and nobody's business. */
  readonly unrelatedRows: number
  readonly preloadedFound: number
  readonly stored: IndexBits
  /** Events with more than one row. */
  readonly repeated: IndexBits
  /** Rows beyond the first of an event, preloaded ones included. */
  readonly repeatedRows: number
  readonly diverged: IndexBits
  readonly divergedPreloaded: number
  /** Over every row: what the engine's own total must say too. */
  readonly value64SumOfRows: bigint
  /** Over the first row of each event of this run, foreign ones left out. */
  readonly value64SumOfEvents: bigint
  /** Every value is a multiple of 1/64, so that sums can be compared exactly. */
  readonly exactValues: boolean
  readonly rowsBySource: ReadonlyMap<string, number>
  readonly foreign: readonly string[]
  readonly repeatedPreloaded: readonly string[]
}

export async function scanStored(input: ScanInput): Promise<StoredScan> {
  const scan = new Scan(input)
  for await (const batch of input.rows) {
    input.signal.throwIfAborted()
    scan.take(batch)
  }
  return scan
}

class Scan implements StoredScan {
  rows = 0
  foreignRows = 0
  unrelatedRows = 0
  preloadedFound = 0
  repeatedRows = 0
  divergedPreloaded = 0
  exactValues = true
  readonly stored: IndexBits
  readonly repeated: IndexBits
  readonly diverged: IndexBits
  readonly rowsBySource = new Map<string, number>()
  readonly foreign: string[] = []
  readonly repeatedPreloaded: string[] = []
  readonly #input: ScanInput
  readonly #preloaded: IndexBits
  readonly #sumOfRows = new ExactSum()
  readonly #sumOfEvents = new ExactSum()

  constructor(input: ScanInput) {
    const { events } = input.sent
    this.#input = input
    this.stored = new IndexBits(events)
    this.repeated = new IndexBits(events)
    this.diverged = new IndexBits(events)
    this.#preloaded = new IndexBits(input.preloadedRows)
  }

  get value64SumOfRows(): bigint {
    return this.#sumOfRows.total
  }

  get value64SumOfEvents(): bigint {
    return this.#sumOfEvents.total
  }

  take({ ids, sources, values }: StoredRows): void {
    for (let row = 0; row < ids.length; row++) {
      const source = sources[row] ?? ''
      const id = ids[row] ?? ''
      const value = values[row] ?? Number.NaN
      this.rows++
      this.rowsBySource.set(source, (this.rowsBySource.get(source) ?? 0) + 1)
      if (!Number.isSafeInteger(value * 64)) this.exactValues = false
      this.#sumOfRows.add(Math.round(value * 64))
      this.#takeRow(source, id, value)
    }
  }

  #takeRow(source: string, id: string, value: number): void {
    const { sent, stream, preloadedRows, preloadStream } = this.#input
    const index = stream.indexOf(this.#sourceIn(source), id)
    if (index !== null && index < sent.events) {
      this.#takeEvent(index, { source, id, value })
      return
    }
    const preloadedIndex = preloadStream === stream ? index : preloadStream.indexOf(source, id)
    const position = (preloadedIndex ?? 0) - PRELOAD_BASE_INDEX
    if (preloadedIndex !== null && position >= 0 && position < preloadedRows) {
      this.#takePreloaded(preloadedIndex, { source, id, value })
      return
    }
    if (index === null && this.#input.of === 'shared-store') {
      this.unrelatedRows++
      return
    }
    this.#note({ source, id }, index === null ? 'no event of this run' : 'was never due')
  }

  #sourceIn(source: string): string | null {
    return this.#input.yields?.organization === false ? null : source
  }

  #takeEvent(index: number, row: Row): void {
    const { sent, stream } = this.#input
    if (!sent.acknowledged.has(index) && !sent.unknown.has(index)) {
      this.#note(row, sent.refused.has(index) ? 'was refused and is stored' : 'was never sent')
    }
    if (this.stored.add(index)) this.#sumOfEvents.add(Math.round(row.value * 64))
    else {
      this.repeated.add(index)
      this.repeatedRows++
    }
    // NaN, which is what a lost value reads as, differs from everything.
    const comparesValues = this.#input.yields?.value !== false
    if (comparesValues && stream.valueAt(index) !== row.value) this.diverged.add(index)
  }

  #takePreloaded(index: number, row: Row): void {
    const { preloadStream, listLimit } = this.#input
    if (this.#preloaded.add(index - PRELOAD_BASE_INDEX)) this.preloadedFound++
    else {
      this.repeatedRows++
      if (this.repeatedPreloaded.length < listLimit) this.repeatedPreloaded.push(nameOf(row))
    }
    if (preloadStream.valueAt(index) !== row.value) this.divergedPreloaded++
  }

  #note(row: Pick<Row, 'source' | 'id'>, why: string): void {
    this.foreignRows++
    if (this.foreign.length < this.#input.listLimit) this.foreign.push(`${nameOf(row)} (${why})`)
  }
}

interface Row {
  readonly source: string
  readonly id: string
  readonly value: number
}

/** How an event is named in lists: organization, a slash, transaction id. */
export function nameOf({ source, id }: Pick<Row, 'source' | 'id'>): string {
  return `${source}/${id}`
}
