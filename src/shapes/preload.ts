/** Rows every store holds before the run, of any shape: their event times, and their COPY text in chunks. */
import { PRELOAD_BASE_INDEX, type EventStream } from './stream.ts'

const CHUNK_BYTES = 256 * 1024

/**
 * Event time of a preloaded row in epoch ms: spread evenly over the `spanS` seconds before the epoch, oldest first.
 * @param index PRELOAD_BASE_INDEX … PRELOAD_BASE_INDEX + rows − 1
 */
export function preloadTimeOf(
  index: number,
  preload: { readonly rows: number; readonly epochMs: number; readonly spanS: number },
): number {
  const position = index - PRELOAD_BASE_INDEX
  return preload.epochMs - preload.spanS * 1000 * (1 - position / preload.rows)
}

/** COPY text of `rows` preloaded rows, in chunks of about 256 KiB; every chunk is its own memory. */
// eslint-disable-next-line @typescript-eslint/require-await -- Store.load takes an async iterable
export async function* preloadRows(stream: EventStream, rows: number): AsyncIterable<Buffer> {
  const end = PRELOAD_BASE_INDEX + rows
  let index = PRELOAD_BASE_INDEX
  while (index < end) {
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES + stream.maxEventBytes)
    let offset = 0
    while (index < end && offset < CHUNK_BYTES) {
      offset = stream.writeCopyRow(index, chunk, offset)
      index++
    }
    yield chunk.subarray(0, offset)
  }
}
