/**
 * What the steps of one arm share: its place in the database, its session, its rows, and the figures they leave. In: an
 * arm of an experiment and a running engine. Out: figures by `step.figure`.
 */
import type { Client } from 'pg'
import type { RunningEngine } from '../../engines/engine.ts'
import { close, destroy } from '../../engines/postgres/connection.ts'
import { untilReplayed } from '../../engines/postgres/replay.ts'
import { SharedConnection } from '../../engines/postgres/shared-connection.ts'
import type { Amount } from '../../scenario/experiment-step.ts'
import type { BillingRows } from './billing-rows.ts'
import type { SessionPlace } from './session.ts'
import { openSession } from './session.ts'

/** Of what an arm has just written. */
const REPLAY_TIMEOUT_MS = 60_000

export interface ArmPlace {
  readonly engine: RunningEngine<'postgres'>
  /** That follows it; null: nobody does. */
  readonly replica: RunningEngine<'postgres'> | null
  readonly place: SessionPlace
  readonly values: Readonly<Record<string, number>>
  readonly rows: BillingRows
  readonly signal: AbortSignal
}

export class ArmContext implements AsyncDisposable {
  readonly engine: RunningEngine<'postgres'>
  readonly place: SessionPlace
  readonly rows: BillingRows
  readonly signal: AbortSignal
  readonly #replica: RunningEngine<'postgres'> | null
  readonly figures: Record<string, number> = {}
  readonly texts: Record<string, string> = {}
  readonly #values: Readonly<Record<string, number>>
  readonly #open = new Set<Client>()
  readonly #cut = (): void => {
    for (const client of this.#open) destroy(client)
  }
  #client: Client | null = null

  constructor({ engine, replica, place, values, rows, signal }: ArmPlace) {
    this.engine = engine
    this.#replica = replica
    this.place = place
    this.rows = rows
    this.signal = signal
    this.#values = values
    signal.addEventListener('abort', this.#cut, { once: true })
  }

  /** The arm's own session, opened again where a crash has ended it. */
  async client(): Promise<Client> {
    return (this.#client ??= await this.open())
  }

  /** The arm's own session, or one more on a replica that shows all it has committed. */
  async clientOn(where: 'primary' | 'replica'): Promise<Client> {
    if (where === 'primary') return await this.client()
    if (this.#replica === null) throw new Error('no replica follows this engine')
    const address = this.#replica.addressFor('harness')
    await using primary = new SharedConnection(this.place.address)
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(REPLAY_TIMEOUT_MS)])
    await untilReplayed({ address, primary }, signal)
    return await this.#openAt({ ...this.place, address })
  }

  /** One more; an abort cuts it, and with it its statement. */
  async open(): Promise<Client> {
    return await this.#openAt(this.place)
  }

  async #openAt(place: SessionPlace): Promise<Client> {
    this.signal.throwIfAborted()
    const client = await openSession(place)
    this.#open.add(client)
    return client
  }

  async close(client: Client): Promise<void> {
    this.#open.delete(client)
    await close(client)
  }

  async closeClient(): Promise<void> {
    const client = this.#client
    this.#client = null
    if (client !== null) await this.close(client)
  }

  number(amount: Amount): number {
    const value = typeof amount === 'number' ? amount : this.#values[amount.slice(1)]
    if (value === undefined) throw new Error(`${String(amount)} has no value`)
    return value
  }

  /** `${name}` of SQL becomes the value's digits. */
  sql(text: string): string {
    return text.replaceAll(/\$\{([a-z][A-Za-z0-9]*)\}/g, (_, name: string) =>
      String(this.number(`$${name}`)),
    )
  }

  keep(step: string | undefined, figures: Readonly<Record<string, number>>): void {
    if (step === undefined) return
    for (const [figure, value] of Object.entries(figures)) {
      // JSON knows no NaN: what could not be told is not there.
      if (Number.isFinite(value)) this.figures[`${step}.${figure}`] = value
    }
  }

  tell(step: string, what: string, text: string): void {
    this.texts[`${step}.${what}`] = text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal.removeEventListener('abort', this.#cut)
    await this.closeClient()
    await Promise.all([...this.#open].map((client) => this.close(client)))
  }
}
