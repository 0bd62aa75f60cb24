/** Delivers to a receiver over HTTP: one POST per batch. In: its address. Out: what its status line says. */
import { Pool } from 'undici'
import type { OutboxRow } from './queue.ts'
import type { Sink, SinkAnswer, SinkBatch } from './sink.ts'

export interface HttpSinkOptions {
  readonly url: URL
  readonly connections: number
}

export class HttpSink implements Sink {
  readonly #pool: Pool

  constructor({ url, connections }: HttpSinkOptions) {
    // The relay's own signal says how long an answer may take.
    this.#pool = new Pool(url.origin, { connections, headersTimeout: 0, bodyTimeout: 0 })
  }

  async deliver({ consumer, rows, token }: SinkBatch, signal: AbortSignal): Promise<SinkAnswer> {
    try {
      const { statusCode, body } = await this.#pool.request({
        method: 'POST',
        path: `/v1/deliveries/${String(consumer)}`,
        headers: { 'content-type': 'application/json', 'idempotency-key': token },
        body: deliveryBody(rows),
        signal,
      })
      const text = await body.text()
      if (statusCode >= 200 && statusCode < 300) return { state: 'delivered' }
      const because = `HTTP ${String(statusCode)}: ${text.slice(0, 300)}`
      return { state: isAboutTheRows(statusCode) ? 'bad-data' : 'away', because }
    } catch (error) {
      const because = signal.aborted ? 'no answer in time' : causeOf(error)
      return { state: 'away', because }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
  }
}

/** What the receiver can be blamed for (too many requests, a timeout) is no reason to bury a row. */
function isAboutTheRows(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429
}

/** Payloads are JSON already: the database made them. */
function deliveryBody(rows: readonly OutboxRow[]): string {
  return `[${rows.map(({ id, payload }) => `{"id":${id},"event":${payload}}`).join(',')}]`
}

function causeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : null
  return code ?? (error instanceof Error ? error.message : 'the connection broke')
}
