/**
 * Whether readers of entities see what was acknowledged (mission-map H13). In: requests as they are accepted, and answers. Out:
 * whom to ask for, and of every answer that claims to be current whether it shows that write or a newer one. A value that
 * is not the one looked for is told from an older one when the run is over: then every write that was sent is gone through.
 */
import { setImmediate as breath } from 'node:timers/promises'
import { supersedes, type EntityWrite } from '../shapes/entity-write.ts'
import { shapes } from '../shapes/registry.ts'
import type { EventStream } from '../shapes/stream.ts'
import { asRecord, parsed } from './answer-figures.ts'
import type { DriverJob, QueryResult } from './job.ts'

/** At some hundred requests a second the oldest of them are seconds old. */
const REMEMBERED_REQUESTS = 1_024
/** Events looked at for one that is readable at once. */
const LOOKED_AT_EVENTS = 64
const EVENTS_PER_BREATH = 10_000

export interface EntityAnswer {
  /** The body; null: there is no such entity. */
  readonly text: string | null
  /** X-Consistency-Level; null where the answer has none. */
  readonly level: string | null
  /** Requests due by now: an answer can show no later one. */
  readonly requests: number
}

/** What an answer showed instead of the write that was looked for. */
interface Doubt {
  readonly write: EntityWrite
  readonly shown: unknown
  readonly beforeIndex: number
}

export type Verdict = 'shown' | 'lacking' | Doubt | null

type Writes = Pick<
  EventStream,
  'eventCount' | 'writeJson' | 'maxEventBytes' | 'sourceOf' | 'timeMsOf'
>

export class OwnWrites {
  readonly #stream: Writes
  readonly #job: Pick<DriverJob, 'stream' | 'batchEvents' | 'eventEpochMs'>
  readonly #accepted = new Float64Array(REMEMBERED_REQUESTS)
  readonly #doubts = new Map<QueryResult, Doubt>()
  #buffer = Buffer.alloc(0)
  #count = 0
  #turn = 0

  constructor(stream: Writes, job: Pick<DriverJob, 'stream' | 'batchEvents' | 'eventEpochMs'>) {
    this.#stream = stream
    this.#job = job
  }

  accepted(request: number): void {
    this.#accepted[this.#count++ % REMEMBERED_REQUESTS] = request
  }

  /** In turn one that was accepted just now and the one remembered longest; null where none of those looked at will do. */
  next(): EntityWrite | null {
    const known = Math.min(this.#count, REMEMBERED_REQUESTS)
    const isNewest = this.#turn++ % 2 === 0
    const { batchEvents } = this.#job
    for (let at = 0; at < Math.min(known, LOOKED_AT_EVENTS); at++) {
      const place = isNewest ? this.#count - 1 - at : this.#count - known + at
      const request = this.#accepted[place % REMEMBERED_REQUESTS] ?? 0
      for (let item = 0; item < Math.min(batchEvents, LOOKED_AT_EVENTS); item++) {
        const write = this.#writeAt(request * batchEvents + item)
        if (write !== null && this.#isNewerThanPreloaded(write)) return write
      }
    }
    return null
  }

  judge(write: EntityWrite, { text, level, requests }: EntityAnswer): Verdict {
    if (level === 'eventual') return null
    if (text === null) return 'lacking'
    const shown = shownIn(text)[write.attribute]
    if (shown === write.value) return 'shown'
    if (shown === undefined) return 'lacking'
    return { write, shown, beforeIndex: requests * this.#job.batchEvents }
  }

  doubt(result: QueryResult, doubt: Doubt): void {
    this.#doubts.set(result, doubt)
  }

  /** The same results, those in doubt with a verdict. */
  async settled(results: readonly QueryResult[]): Promise<readonly QueryResult[]> {
    if (this.#doubts.size === 0) return results
    const newer = await this.#explained([...this.#doubts.values()])
    return results.map((result) => {
      const doubt = this.#doubts.get(result)
      return doubt === undefined ? result : { ...result, lacksWrite: !newer.has(doubt) }
    })
  }

  /** Those of which some newer write has the value that was shown. */
  async #explained(doubts: readonly Doubt[]): Promise<ReadonlySet<Doubt>> {
    const explained = new Set<Doubt>()
    const byKey = byKeyOf(doubts)
    const sources = new Set(doubts.map(({ write }) => write.source))
    const fromMs = Math.min(...doubts.map(({ write }) => write.writtenMs))
    const last = Math.max(...doubts.map(({ beforeIndex }) => beforeIndex))
    const end = Math.min(last, this.#stream.eventCount)
    for (let index = 0; index < end; index++) {
      if (index % EVENTS_PER_BREATH === 0) await breath()
      // Cheaper than what is written of it.
      if (this.#stream.timeMsOf(index) < fromMs || !sources.has(this.#stream.sourceOf(index))) {
        continue
      }
      const write = this.#writeAt(index)
      const inDoubt = write === null ? [] : (byKey.get(keyOf(write)) ?? [])
      for (const doubt of inDoubt) if (explains(doubt, write, index)) explained.add(doubt)
    }
    return explained
  }

  /** A late write may be older than a preloaded one of the same attribute, which nobody here remembers. */
  #isNewerThanPreloaded({ writtenMs }: EntityWrite): boolean {
    return this.#job.stream.source === 'recorded' || writtenMs >= this.#job.eventEpochMs
  }

  #writeAt(index: number): EntityWrite | null {
    const { entityWrite } = shapes[this.#job.stream.shape]
    if (entityWrite === undefined || index >= this.#stream.eventCount) return null
    if (this.#buffer.length === 0) this.#buffer = Buffer.alloc(this.#stream.maxEventBytes)
    const end = this.#stream.writeJson(index, this.#buffer, 0)
    return entityWrite(asRecord(JSON.parse(this.#buffer.toString('utf8', 0, end))))
  }
}

function byKeyOf(doubts: readonly Doubt[]): ReadonlyMap<string, readonly Doubt[]> {
  const byKey = new Map<string, Doubt[]>()
  for (const doubt of doubts) {
    const key = keyOf(doubt.write)
    byKey.set(key, [...(byKey.get(key) ?? []), doubt])
  }
  return byKey
}

function explains(doubt: Doubt, write: EntityWrite | null, index: number): boolean {
  if (write === null || index >= doubt.beforeIndex) return false
  return doubt.shown === write.value && supersedes(write, doubt.write)
}

function keyOf({ source, entity, attribute }: EntityWrite): string {
  return `${source}/${entity}/${attribute}`
}

function shownIn(text: string): Readonly<Record<string, unknown>> {
  return asRecord(asRecord(asRecord(parsed(text))['entity'])['hot_attrs'])
}
