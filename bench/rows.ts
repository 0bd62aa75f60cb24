/** Events of the billing stream in the forms that benches and their peers take. */
import { open } from 'node:fs/promises'
import { readEvent } from '../reference-impl/service-kit/event.ts'
import type { IngestEvent } from '../reference-impl/service-kit/event.ts'
import { EventPopulation } from '../src/scenario/scenario.ts'
import { openStream } from '../src/shapes/open-stream.ts'
import type { EventStream } from '../src/shapes/stream.ts'

export const EVENT_EPOCH_MS = Date.UTC(2026, 0, 1)
const CHUNK_ROWS = 1_000

/** @param momentMs when event `index` happened; absent: 10,000 in a second */
export async function benchStream(
  seed: number,
  momentMs = (index: number): number => EVENT_EPOCH_MS + index / 10,
): Promise<EventStream> {
  const spec = { source: 'generated', shape: 'billing', events: EventPopulation.parse({}) } as const
  return await openStream({ ...spec, seed }, momentMs)
}

/** COPY text of `rows` events in chunks, each made when it is asked for. */
export function* copyChunks(
  stream: EventStream,
  rows: number,
  chunkRows = CHUNK_ROWS,
): Generator<Buffer> {
  for (let from = 0; from < rows; from += chunkRows) {
    const target = Buffer.alloc(chunkRows * stream.maxEventBytes)
    let end = 0
    for (let index = from; index < Math.min(rows, from + chunkRows); index++) {
      end = stream.writeCopyRow(index, target, end)
    }
    yield target.subarray(0, end)
  }
}

export async function writeCopyFile(file: string, rows: number): Promise<void> {
  const stream = await benchStream(1)
  await using handle = await open(file, 'w', 0o644)
  for (const chunk of copyChunks(stream, rows)) await handle.write(chunk)
}

/** Events as a service has them once they are parsed. */
export function parsedEvents(stream: EventStream, rows: number): readonly IngestEvent[] {
  const target = Buffer.alloc(stream.maxEventBytes)
  return Array.from({ length: rows }, (_, index) => {
    const text = target.toString('latin1', 0, stream.writeJson(index, target, 0))
    const read = readEvent(JSON.parse(text))
    if (!read.ok) throw new Error(`assertion failed: the stream makes events: ${read.reason}`)
    return read.event
  })
}

export async function sampleEvent(): Promise<IngestEvent> {
  const [event] = parsedEvents(await benchStream(1), 1)
  if (event === undefined) throw new Error('assertion failed: one event was asked for')
  return event
}
