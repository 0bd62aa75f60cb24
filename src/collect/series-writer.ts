/** Lines into series.ndjson while a run lasts. In: one line at a time, never waiting. Out: a file; memory is bounded. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import type { SeriesLine } from '../results/record.ts'

/** Written together: a run samples a few kilobytes per second. */
const FLUSH_BYTES = 32_768
const FLUSH_MS = 1_000
/** What may wait for a disk that stalls; more is dropped and counted. Ten minutes of usual sampling. */
const BUFFER_MAX_BYTES = 4 * 1_024 * 1_024

export interface SeriesWritten {
  readonly lines: number
  readonly droppedLines: number
  /** Why the file ends early; null when everything reached it. */
  readonly failure: string | null
}

export class SeriesWriter {
  readonly #handle: FileHandle
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #waiting: string[] = []
  #waitingBytes = 0
  #writing: Promise<void> = Promise.resolve()
  #inFlightBytes = 0
  #lines = 0
  #dropped = 0
  #failure: string | null = null
  #closed = false

  private constructor(handle: FileHandle, log: Log) {
    this.#handle = handle
    this.#log = log
    this.#timer = setInterval(() => {
      this.#flush()
    }, FLUSH_MS)
    this.#timer.unref()
  }

  /** Makes the file; it must not exist. */
  static async create(file: string, log: Log): Promise<SeriesWriter> {
    return new SeriesWriter(await open(file, 'wx'), log)
  }

  /** Goes on behind what the file holds. */
  static async open(file: string, log: Log): Promise<SeriesWriter> {
    return new SeriesWriter(await open(file, 'a'), log)
  }

  write(line: SeriesLine): void {
    if (this.#closed) return
    const text = `${JSON.stringify(line)}\n`
    if (
      this.#failure !== null ||
      this.#waitingBytes + this.#inFlightBytes + text.length > BUFFER_MAX_BYTES
    ) {
      if (this.#dropped === 0) this.#log('series: lines are dropped, the disk does not take them')
      this.#dropped += 1
      return
    }
    this.#lines += 1
    this.#waiting.push(text)
    this.#waitingBytes += text.length
    if (this.#waitingBytes >= FLUSH_BYTES) this.#flush()
  }

  async close(): Promise<SeriesWritten> {
    if (!this.#closed) {
      this.#closed = true
      clearInterval(this.#timer)
      await this.#writing
      this.#flush()
      await this.#writing
      await this.#handle.close()
    }
    return { lines: this.#lines, droppedLines: this.#dropped, failure: this.#failure }
  }

  /** One write at a time; what comes meanwhile is written next. */
  #flush(): void {
    if (this.#inFlightBytes > 0 || this.#waiting.length === 0) return
    const text = this.#waiting.join('')
    const lines = this.#waiting.length
    this.#inFlightBytes = this.#waitingBytes
    this.#waiting = []
    this.#waitingBytes = 0
    this.#writing = this.#handle
      .appendFile(text)
      .catch((error: unknown) => {
        this.#failure ??= messageOf(error)
        this.#lines -= lines
        this.#dropped += lines
        this.#log(`series: ${messageOf(error)}; the series ends here`)
      })
      .finally(() => {
        this.#inFlightBytes = 0
      })
  }
}
