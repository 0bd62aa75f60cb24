/**
 * Questions asked while events arrive: analytical ones, and reads of entities of which a write was acknowledged. In: names and
 * intervals. Out: how long each took. A question still unanswered when its next turn comes is not asked twice.
 */
import { Pool } from 'undici'
import { messageOf } from '../kit/errors.ts'
import { ENTITY_QUERY, type EntityWrite } from '../shapes/entity-write.ts'
import { asRecord, numberOf, parsed } from './answer-figures.ts'
import type { DriverJob, QueryResult } from './job.ts'
import type { OwnWrites } from './own-writes.ts'
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
  /** Requests due by now. */
  readonly requests: () => number
  readonly ownWrites: OwnWrites
  readonly onResult: (result: QueryResult) => void
}

/** What it answers of an entity that it knows nothing of, beside status 404. */
const NO_SUCH_ENTITY = 'NO_SUCH_ENTITY'

/** One question: where it is sent, and the write that its answer must show. */
interface Question {
  readonly name: string
  readonly path: string
  readonly write: EntityWrite | null
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
        const question = this.#questionOf(name)
        if (question === null) return
        const asked = this.#ask(question).finally(() => this.#asking.delete(name))
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

  async #ask(question: Question): Promise<void> {
    const { name, path } = question
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
        path,
        headers: { ...this.#options.headers },
        signal,
      })
      const text = await body.text()
      const took = seconds()
      const isThere = statusCode >= 200 && statusCode < 300
      if (isThere || (question.write !== null && saysNothingKnown(statusCode, text))) {
        const figures = { ...figuresOf(text), ...saidLag(headers['x-data-lag-seconds']) }
        const result = { ...asked, seconds: took, outcome: 'ok', ...figures, error: null } as const
        const level = headers['x-consistency-level']
        onResult(this.#compared(result, question, { text: isThere ? text : null, level }))
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

  /** Null: there is nothing yet to ask for. */
  #questionOf(name: string): Question | null {
    const base = `${contractBaseOf(this.#options.url)}/v1`
    if (name === ENTITY_QUERY) {
      const write = this.#options.ownWrites.next()
      if (write === null) return null
      const entity = [write.source, write.entity].map(encodeURIComponent).join('/')
      return { name, path: `${base}/entities/${entity}`, write }
    }
    const params = new URLSearchParams(this.#options.paramsOf(name)).toString()
    return { name, path: `${base}/queries/${encodeURIComponent(name)}?${params}`, write: null }
  }

  #compared(
    result: QueryResult,
    { write }: Question,
    answer: { readonly text: string | null; readonly level: string | string[] | undefined },
  ): QueryResult {
    if (write === null) return result
    const { ownWrites, requests } = this.#options
    const level = typeof answer.level === 'string' ? answer.level : null
    const verdict = ownWrites.judge(write, { text: answer.text, level, requests: requests() })
    if (verdict === null) return result
    if (typeof verdict === 'string') return { ...result, lacksWrite: verdict === 'lacking' }
    ownWrites.doubt(result, verdict)
    return result
  }
}

function saysNothingKnown(statusCode: number, text: string): boolean {
  return statusCode === 404 && asRecord(parsed(text))['error'] === NO_SUCH_ENTITY
}

function figuresOf(text: string): AnswerFigures {
  const { rows, meta, stale } = asRecord(parsed(text))
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
