/**
 * What the driver noted about every event. In: its positional outcome file and its exceptions. Out: one outcome and
 * one ack time per event index, in order, a block at a time.
 */
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { OUTCOME_CODES, OUTCOME_RECORD_BYTES } from '../drive/job.ts'
import { HeadroomError } from '../kit/errors.ts'
import { IndexBits } from './index-bits.ts'

const BLOCK_EVENTS = 8_192

/** Outcomes of consecutive events. The arrays are reused: read them before asking for the next block. */
export interface OutcomeBlock {
  readonly firstIndex: number
  /** OUTCOME_CODES, one per event. */
  readonly outcomes: Uint8Array
  /** Ack offset since the epoch in ACK_UNIT_US; NO_ACK where there is none. */
  readonly ackUnits: Uint32Array
}

export interface OutcomeReader {
  /** Events 0…n−1 were due. */
  readonly events: number
  /** How many of them a request holds; absent: one. */
  readonly batchEvents?: number
  blocks(signal: AbortSignal): AsyncIterable<OutcomeBlock>
}

export interface OutcomeFiles {
  readonly outcomesFile: string
  readonly exceptionsFile: string
  readonly batchEvents: number
  /** How many events were due; the last request may hold fewer than a batch. Absent: every request was full. */
  readonly events?: number
}

/** @throws HeadroomError RECORD_UNREADABLE when a file is missing or not what a driver writes */
export async function openOutcomes(files: OutcomeFiles): Promise<OutcomeReader> {
  const found = await stat(files.outcomesFile).catch(() => null)
  if (found === null) throw unreadable(files.outcomesFile, 'is missing')
  const requests = Math.floor(found.size / OUTCOME_RECORD_BYTES)
  const full = requests * files.batchEvents
  const events = Math.min(full, files.events ?? full)
  const exceptions = await readExceptions(files, events)
  const { batchEvents } = files
  return {
    events,
    batchEvents,
    blocks: (signal) => readBlocks({ files, events, requests, exceptions }, signal),
  }
}

interface Exceptions {
  readonly duplicate: IndexBits
  readonly rejected: IndexBits
}

async function readExceptions(files: OutcomeFiles, events: number): Promise<Exceptions | null> {
  const { exceptionsFile: file, batchEvents } = files
  const found = await stat(file).catch(() => null)
  if (found === null || found.size === 0) return null
  const duplicate = new IndexBits(events)
  const rejected = new IndexBits(events)
  const mark = (bits: IndexBits, request: number, positions: readonly number[]): void => {
    for (const position of positions) {
      const index = request * batchEvents + position
      if (position < batchEvents && index < events) bits.add(index)
    }
  }
  let line = 0
  const input = createReadStream(file)
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    line++
    if (text === '') continue
    const exception = parseException(text)
    if (exception === null) throw unreadable(file, `line ${String(line)} is no exception`)
    mark(duplicate, exception.request, exception.duplicate)
    mark(rejected, exception.request, exception.rejected)
  }
  return { duplicate, rejected }
}

interface Exception {
  readonly request: number
  readonly duplicate: readonly number[]
  readonly rejected: readonly number[]
}

function parseException(text: string): Exception | null {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof document !== 'object' || document === null) return null
  const { r, d, x } = document as Readonly<Record<string, unknown>>
  const [duplicate, rejected] = [positionsOf(d), positionsOf(x)]
  if (!isPosition(r) || duplicate === null || rejected === null) return null
  return { request: r, duplicate, rejected }
}

function positionsOf(value: unknown): readonly number[] | null {
  if (value === undefined) return []
  if (!Array.isArray(value)) return null
  const entries: readonly unknown[] = value
  return entries.every(isPosition) ? entries : null
}

function isPosition(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}

interface Reading {
  readonly files: OutcomeFiles
  readonly events: number
  readonly requests: number
  readonly exceptions: Exceptions | null
}

async function* readBlocks(reading: Reading, signal: AbortSignal): AsyncGenerator<OutcomeBlock> {
  const { files, events, requests, exceptions } = reading
  const { batchEvents } = files
  // A block is a bounded number of events, whatever the batch: at least one request.
  const perBlock = Math.max(1, Math.floor(BLOCK_EVENTS / batchEvents))
  const records = Buffer.alloc(perBlock * OUTCOME_RECORD_BYTES)
  const outcomes = new Uint8Array(perBlock * batchEvents)
  const ackUnits = new Uint32Array(perBlock * batchEvents)
  const handle = await open(files.outcomesFile, 'r')
  try {
    for (let request = 0; request < requests; request += perBlock) {
      signal.throwIfAborted()
      const count = Math.min(perBlock, requests - request)
      const bytes = count * OUTCOME_RECORD_BYTES
      const { bytesRead } = await handle.read(records, 0, bytes, request * OUTCOME_RECORD_BYTES)
      if (bytesRead < bytes)
        throw unreadable(files.outcomesFile, 'became shorter while it was read')
      const firstIndex = request * batchEvents
      const filled = Math.min(count * batchEvents, events - firstIndex)
      if (filled <= 0) return
      spread(records, { batchEvents, filled, outcomes, ackUnits })
      if (exceptions !== null) applyExceptions(exceptions, firstIndex, outcomes.subarray(0, filled))
      yield {
        firstIndex,
        outcomes: outcomes.subarray(0, filled),
        ackUnits: ackUnits.subarray(0, filled),
      }
    }
  } finally {
    await handle.close()
  }
}

/** One record per request becomes one outcome per event. */
function spread(
  records: Buffer,
  into: {
    readonly batchEvents: number
    readonly filled: number
    readonly outcomes: Uint8Array
    readonly ackUnits: Uint32Array
  },
): void {
  const { batchEvents, filled, outcomes, ackUnits } = into
  for (let event = 0; event < filled; event += batchEvents) {
    const at = (event / batchEvents) * OUTCOME_RECORD_BYTES
    const end = Math.min(event + batchEvents, filled)
    outcomes.fill(records.readUInt8(at), event, end)
    ackUnits.fill(records.readUInt32LE(at + 2), event, end)
  }
}

/** An item named in the exceptions has its own outcome; the others of the request keep the request's. */
function applyExceptions(exceptions: Exceptions, firstIndex: number, outcomes: Uint8Array): void {
  for (let event = 0; event < outcomes.length; event++) {
    const index = firstIndex + event
    if (exceptions.rejected.has(index)) outcomes[event] = OUTCOME_CODES.rejected
    else if (exceptions.duplicate.has(index)) outcomes[event] = OUTCOME_CODES.duplicate
  }
}

function unreadable(file: string, what: string): HeadroomError {
  return new HeadroomError('RECORD_UNREADABLE', `outcomes of the run: ${file} ${what}`)
}
