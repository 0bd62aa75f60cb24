/**
 * The client for what needs no service: batches straight into a table. In: exchanges of COPY text rows. Out: committed is
 * accepted, a statement that the server refuses is rejected as a whole, and a connection that breaks leaves the unknown.
 */
import pg from 'pg'
import type { Client, ClientOptions } from '../client.ts'
import type { Exchange } from '../request-writer.ts'
import type { TableColumns } from './session.ts'
import { SqlSession } from './session.ts'
import type { SqlWriting } from '../../architecture/sql-writes.ts'

/** After a connection could not be opened it is not asked for again at the request rate. */
const RECONNECT_AFTER_MS = 50
/** Connection exception, operator intervention, system error, internal error: the commit may have gone through. */
const UNKNOWN_CLASSES = new Set(['08', '57', '58', 'XX'])
const NO_BODY = Buffer.alloc(0)

export interface SqlClientOptions extends ClientOptions {
  readonly writing: SqlWriting
  readonly columns: TableColumns
}

/** One place: a session and the request under way in it. */
interface Lane {
  readonly exchange: Exchange
  session: SqlSession | null
  state: 'opening' | 'free' | 'busy' | 'broken' | 'closed'
  /** Counts requests: an answer to one that was given up is nobody's. */
  turn: number
}

export class SqlClient implements Client {
  readonly #options: SqlClientOptions
  readonly #lanes: readonly Lane[]
  readonly #byExchange: ReadonlyMap<Exchange, Lane>
  readonly #free: Lane[] = []
  #refusedCode = 'CLOSED'
  #isClosed = false
  connectErrors = 0
  bytesSent = 0

  constructor(options: SqlClientOptions) {
    this.#options = options
    this.#lanes = Array.from({ length: options.connections }, () => ({
      exchange: options.newExchange(),
      session: null,
      state: 'broken',
      turn: 0,
    }))
    this.#byExchange = new Map(this.#lanes.map((lane) => [lane.exchange, lane]))
  }

  get refused(): boolean {
    return this.#lanes.every(({ state }) => state === 'broken' || state === 'closed')
  }

  get refusedCode(): string {
    return this.#refusedCode
  }

  /** A database that is not there is no error here: what is due then cannot be sent. */
  async open(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => this.#connect(lane)))
  }

  place(): Exchange | null {
    return this.#free.pop()?.exchange ?? null
  }

  send(exchange: Exchange): void {
    const lane = this.#byExchange.get(exchange)
    if (lane?.session == null) throw new Error('a place has a session')
    lane.state = 'busy'
    const turn = ++lane.turn
    this.#options.events.sending(exchange)
    this.bytesSent += exchange.to
    lane.session
      .write(exchange.buffer.subarray(0, exchange.to), exchange.events)
      .then((repeats) => {
        if (lane.turn !== turn) return
        this.#options.events.answered(exchange, committed(exchange.events, repeats))
        this.#release(lane)
      })
      .catch((error: unknown) => {
        if (lane.turn === turn) this.#failed(lane, error)
      })
  }

  sweep(): void {
    const before = this.#options.nowMs() - this.#options.requestTimeoutMs
    for (const lane of this.#lanes) {
      if (lane.state === 'busy' && lane.exchange.sentMs < before) this.#giveUp(lane, 'TIMEOUT')
    }
  }

  close(): void {
    this.#isClosed = true
    for (const lane of this.#lanes) {
      if (lane.state === 'busy') this.#giveUp(lane, 'GIVEN_UP')
      lane.state = 'closed'
      lane.session?.cut()
    }
    this.#free.length = 0
  }

  #failed(lane: Lane, error: unknown): void {
    const code = codeOf(error)
    const isRefusal = error instanceof pg.DatabaseError && !UNKNOWN_CLASSES.has(code.slice(0, 2))
    if (!isRefusal) {
      this.#giveUp(lane, code)
      return
    }
    // The server has answered, so the session goes on.
    this.#options.events.lost(lane.exchange, {
      sent: true,
      refused: true,
      code: `SQLSTATE ${code}`,
    })
    this.#release(lane)
  }

  /** Whether the commit went through nobody knows; only a new session starts clean. */
  #giveUp(lane: Lane, code: string): void {
    lane.turn++
    lane.state = 'broken'
    lane.session?.cut()
    lane.session = null
    this.#options.events.lost(lane.exchange, { sent: true, code })
    this.#reconnectLater(lane)
    this.#options.events.changed()
  }

  #release(lane: Lane): void {
    if (this.#isClosed) return
    lane.state = 'free'
    this.#free.push(lane)
    this.#options.events.changed()
  }

  async #connect(lane: Lane): Promise<void> {
    lane.state = 'opening'
    try {
      const { writing, columns } = this.#options
      const session = await SqlSession.open(writing, columns, () => {
        this.#onBroken(lane)
      })
      if (this.#isClosed) {
        session.cut()
        return
      }
      lane.session = session
      lane.state = 'free'
      this.#free.push(lane)
      this.#options.events.changed()
    } catch (error) {
      this.connectErrors++
      this.#refusedCode = codeOf(error)
      lane.state = 'broken'
      this.#reconnectLater(lane)
      this.#options.events.changed()
    }
  }

  /** A session that ends while it is busy is told by its statement. */
  #onBroken(lane: Lane): void {
    if (lane.state !== 'free') return
    lane.state = 'broken'
    lane.session = null
    const at = this.#free.indexOf(lane)
    if (at >= 0) this.#free.splice(at, 1)
    this.#reconnectLater(lane)
  }

  #reconnectLater(lane: Lane): void {
    if (this.#isClosed) return
    setTimeout(() => {
      if (!this.#isClosed && lane.state === 'broken') void this.#connect(lane)
    }, RECONNECT_AFTER_MS).unref()
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  return typeof code === 'string' ? code : `CLOSED: ${String(message)}`
}

/** An answer as the HTTP contract has it, so that one reader tells both. */
function committed(events: number, repeats: readonly number[]) {
  if (repeats.length === 0) return { status: 200, buffer: NO_BODY, from: 0, to: 0 }
  const body = {
    accepted: events - repeats.length,
    duplicate: repeats.length,
    rejected: 0,
    items: repeats.map((index) => ({ index, status: 'duplicate' })),
  }
  const buffer = Buffer.from(JSON.stringify(body))
  return { status: 200, buffer, from: 0, to: buffer.length }
}
