/**
 * Tab-separated text as both engines stream it -> batches of rows. In: chunks of (id, source, value) lines. Out:
 * StoredRows, a few thousand at a time, so that memory stays flat however long the table is.
 */
import type { StoredRows } from './engine.ts'

const BATCH_ROWS = 8_192
const NEWLINE = 0x0a

/** @throws Error when the text ends in the middle of a row: the engine died while it answered */
export async function* storedRowsOf(
  chunks: AsyncIterable<Buffer | Uint8Array>,
): AsyncGenerator<StoredRows> {
  let batch = new RowBatch()
  for await (const lines of linesOf(chunks)) {
    for (const line of lines) {
      batch.add(line)
      if (batch.ids.length < BATCH_ROWS) continue
      yield batch.finish()
      batch = new RowBatch()
    }
  }
  if (batch.ids.length > 0) yield batch.finish()
}

/**
 * The same text as rows of any columns, a chunk's at a time.
 * @throws Error when the text ends in the middle of a row
 */
export async function* textRowsOf(
  chunks: AsyncIterable<Buffer | Uint8Array>,
): AsyncGenerator<readonly (readonly string[])[]> {
  for await (const lines of linesOf(chunks)) {
    yield lines.map((line) => line.split('\t').map(unescape))
  }
}

async function* linesOf(
  chunks: AsyncIterable<Buffer | Uint8Array>,
): AsyncGenerator<readonly string[]> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of chunks) {
    const chunk = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece])
    const end = chunk.lastIndexOf(NEWLINE) + 1
    rest = chunk.subarray(end)
    if (end > 0) yield chunk.toString('utf8', 0, end - 1).split('\n')
  }
  if (rest.length > 0) throw new Error('the answer ends in the middle of a row')
}

class RowBatch {
  readonly ids: string[] = []
  readonly sources: string[] = []
  readonly #values: number[] = []

  add(line: string): void {
    const first = line.indexOf('\t')
    const second = line.indexOf('\t', first + 1)
    if (first < 0 || second < 0) throw new Error('the answer holds a row without three columns')
    this.ids.push(unescape(line.slice(0, first)))
    this.sources.push(unescape(line.slice(first + 1, second)))
    this.#values.push(numberOf(line.slice(second + 1)))
  }

  finish(): StoredRows {
    return { ids: this.ids, sources: this.sources, values: Float64Array.from(this.#values) }
  }
}

/** NULL, `inf` and the like are not values that any event has: they become NaN. */
function numberOf(text: string): number {
  return text === '\\N' ? Number.NaN : Number(text)
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '0': '\0',
}

/** What COPY text and ClickHouse's TabSeparated both write: a backslash and one character. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character)
}
