/**
 * What became of each request, on disk by position, so that memory stays flat however long the run. In: outcomes in
 * any order. Out: the outcomes file and the exceptions file of job.ts.
 */
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { assert } from '../kit/errors.ts'
import type { Ack } from './ack.ts'
import { outcomeCodeOf } from './ack.ts'
import { ACK_UNIT_US, NO_ACK, OUTCOME_CODES, OUTCOME_RECORD_BYTES } from './job.ts'

const CHUNK_REQUESTS = 65_536
const HAS_EXCEPTIONS = 1

interface Chunk {
  readonly index: number
  readonly records: Buffer
  missing: number
  isDirty: boolean
}

export class OutcomeLog {
  readonly #outcomes: FileHandle
  readonly #exceptions: FileHandle
  readonly #chunks = new Map<number, Chunk>()
  #last: Chunk | null = null
  #lines: string[] = []
  /** Writes follow one another: two of one chunk must not overtake each other. */
  #writes: Promise<void> = Promise.resolve()
  #failure: Error | null = null

  private constructor(outcomes: FileHandle, exceptions: FileHandle) {
    this.#outcomes = outcomes
    this.#exceptions = exceptions
  }

  static async open(outcomesFile: string, exceptionsFile: string): Promise<OutcomeLog> {
    const outcomes = await open(outcomesFile, 'w')
    try {
      return new OutcomeLog(outcomes, await open(exceptionsFile, 'w'))
    } catch (error) {
      await outcomes.close()
      throw error
    }
  }

  /** @param ackMs milliseconds after the epoch; null where no answer came */
  set(request: number, ack: Ack, ackMs: number | null): void {
    let flags = 0
    if (ack.kind === 'mixed') {
      flags = HAS_EXCEPTIONS
      const line = { r: request, d: ack.duplicates, x: ack.rejected }
      this.#lines.push(`${JSON.stringify(line)}\n`)
    }
    const chunk = this.#chunkOf(Math.floor(request / CHUNK_REQUESTS))
    const at = (request % CHUNK_REQUESTS) * OUTCOME_RECORD_BYTES
    assert(chunk.records[at] === OUTCOME_CODES.notDue, 'a request has one outcome')
    chunk.records[at] = outcomeCodeOf(ack)
    chunk.records[at + 1] = flags
    chunk.records.writeUInt32LE(ackUnits(ackMs), at + 2)
    chunk.isDirty = true
    if (--chunk.missing === 0) this.#retire(chunk)
  }

  /** Hands what is new to the disk. @throws what an earlier write failed with */
  flush(): void {
    if (this.#failure !== null) throw this.#failure
    for (const chunk of this.#chunks.values()) if (chunk.isDirty) this.#write(chunk)
    if (this.#lines.length === 0) return
    const text = this.#lines.join('')
    this.#lines = []
    this.#enqueue(async () => {
      await writeAll(this.#exceptions, Buffer.from(text), null)
    })
  }

  /** Leaves exactly `requests` records. @throws when anything could not be written */
  async close(requests: number): Promise<void> {
    try {
      this.flush()
      await this.#writes
      if (this.#failure !== null) throw this.#failure
      await this.#outcomes.truncate(requests * OUTCOME_RECORD_BYTES)
    } finally {
      await this.#outcomes.close()
      await this.#exceptions.close()
    }
  }

  #chunkOf(index: number): Chunk {
    if (this.#last?.index === index) return this.#last
    let chunk = this.#chunks.get(index)
    if (chunk === undefined) {
      const records = Buffer.alloc(CHUNK_REQUESTS * OUTCOME_RECORD_BYTES)
      chunk = { index, records, missing: CHUNK_REQUESTS, isDirty: false }
      this.#chunks.set(index, chunk)
    }
    this.#last = chunk
    return chunk
  }

  #retire(chunk: Chunk): void {
    this.#write(chunk)
    this.#chunks.delete(chunk.index)
    if (this.#last === chunk) this.#last = null
  }

  #write(chunk: Chunk): void {
    chunk.isDirty = false
    const position = chunk.index * CHUNK_REQUESTS * OUTCOME_RECORD_BYTES
    this.#enqueue(async () => {
      await writeAll(this.#outcomes, chunk.records, position)
    })
  }

  #enqueue(write: () => Promise<void>): void {
    this.#writes = this.#writes.then(write).catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error))
    })
  }
}

/** A full disk may take a part without an error; the next part then tells. Null: behind what was written last. */
async function writeAll(file: FileHandle, bytes: Buffer, position: number | null): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const at = position === null ? null : position + written
    written += (await file.write(bytes, written, bytes.length - written, at)).bytesWritten
  }
}

/** NO_ACK says that there is none, so 59 hours are the last moment that can be said. */
function ackUnits(ackMs: number | null): number {
  if (ackMs === null) return NO_ACK
  const units = Math.round((ackMs * 1_000) / ACK_UNIT_US)
  return Math.max(0, Math.min(NO_ACK - 1, units))
}
