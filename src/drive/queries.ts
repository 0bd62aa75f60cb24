/**
 * Analytical questions asked while events arrive. In: names and intervals. Out: how long each took. A question still
 * unanswered when its next turn comes is not asked twice.
 */
import { Pool } from 'undici'
import { messageOf } from '../kit/errors.ts'
import { asRecord, numberOf } from './answer-figures.ts'
import type { DriverJob, QueryResult } from './job.ts'
import { contractBaseOf } from './request-path.ts'

export interface QueryAskerOptions {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** As in the job. */
  readonly ca: string | null
  readonly queries: DriverJob['queries']
  readonly timeoutMs: number
  /** Milliseconds after the epoch. */
  readonly nowMs: () => number
  /** URL parameters of a query now. */
  readonly paramsOf: (name: string) => Readonly<Record<string, string>>
  readonly onResult: (result: QueryResult) => void
}

/** What an answer says about itself; what it does not say is null. */
type AnswerFigures = Pick<QueryResult, 'rows' | 'rowsRead' | 'bytesRead' | 'stale' | 'saidLagS'>

export class QueryAsker {
  readonly #options: QueryAskerOptions
  /** Opened by the first question: an address that nobody asks need not be one of HTTP. */
  #pool: Pool | null = null
  readonly #timers: NodeJS.Timeout[] = []
  readonly #asking = new Map<string, Promise<void>>()
  readonly #ended = new AbortController()

  constructor(options: QueryAskerOptions) {
    this.#options = options
  }

  /** Call when the epoch has come. */
  start(): void {
    for (const { name, everyS } of this.#options.queries) {
      const timer = setInterval(() => {
        if (this.#asking.has(name)) return
        const asked = this.#ask(name).finally(() => this.#asking.delete(name))
        this.#asking.set(name, asked)
      }, everyS * 1_000)
      this.#timers.push(timer)
    }
  }

  /** No further question; those under way may still be answered for `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    const patience = setTimeout(() => {
      this.#ended.abort(new Error('the run ended'))
    }, graceMs)
    await Promise.all(this.#asking.values())
    clearTimeout(patience)
    await this.#pool?.destroy()
  }

  #opened(): Pool {
    const { url, queries, ca } = this.#options
    this.#pool ??= new Pool(url.origin, {
      connections: queries.length,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { rejectUnauthorized: true, ...(ca === null ? {} : { ca }) },
    })
    return this.#pool
  }

  async #ask(name: string): Promise<void> {
    const { onResult, timeoutMs, nowMs } = this.#options
    const atMs = nowMs()
    const startedMs = performance.now()
    const outOfTime = AbortSignal.timeout(timeoutMs)
    const signal = AbortSignal.any([outOfTime, this.#ended.signal])
    const asked = { name, atMs }
    const seconds = (): number => (performance.now() - startedMs) / 1_000
    const nothing: AnswerFigures = { rows: null, rowsRead: null, bytesRead: null }
    try {
      const { statusCode, headers, body } = await this.#opened().request({
        method: 'GET',
        path: this.#pathOf(name),
        headers: { ...this.#options.headers },
        signal,
      })
      const text = await body.text()
      const took = seconds()
      if (statusCode >= 200 && statusCode < 300) {
        const figures = { ...figuresOf(text), ...saidLag(headers['x-data-lag-seconds']) }
        onResult({ ...asked, seconds: took, outcome: 'ok', ...figures, error: null })
        return
      }
      const error = `HTTP ${String(statusCode)}`
      onResult({ ...asked, seconds: took, outcome: 'error', ...nothing, error })
    } catch (error) {
      const outcome = signal.aborted ? 'timeout' : 'error'
      const message = signal.aborted
        ? `no answer within ${seconds().toFixed(1)} s`
        : messageOf(error)
      onResult({ ...asked, seconds: seconds(), outcome, ...nothing, error: message })
    }
  }

  #pathOf(name: string): string {
    const params = new URLSearchParams(this.#options.paramsOf(name))
    const base = contractBaseOf(this.#options.url)
    return `${base}/v1/queries/${encodeURIComponent(name)}?${params.toString()}`
  }
}

function figuresOf(text: string): AnswerFigures {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return { rows: null, rowsRead: null, bytesRead: null }
  }
  const { rows, meta, stale } = asRecord(body)
  const said = asRecord(meta)
  return {
    rows: Array.isArray(rows) ? rows.length : null,
    rowsRead: numberOf(said['rowsRead']),
    bytesRead: numberOf(said['bytesRead']),
    ...(typeof stale === 'boolean' ? { stale } : {}),
  }
}

function saidLag(header: string | string[] | undefined): Pick<QueryResult, 'saidLagS'> {
  if (typeof header !== 'string' || header.trim() === '') return {}
  const saidLagS = Number(header)
  return Number.isFinite(saidLagS) && saidLagS >= 0 ? { saidLagS } : {}
}
