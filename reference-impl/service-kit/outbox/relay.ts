/**
 * One consumer's way out of the outbox. In: a queue and a sink. Out: rows claimed in batches, several of them in delivery
 * at once, and each completed, tried again or buried. Rows in flight are bounded by concurrency × claimRowsMax.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../../src/kit/errors.ts'
import type { Claim, OutboxQueue, OutboxRow } from './queue.ts'
import type { RelayMeter } from './relay-meters.ts'
import type { OutboxSettings } from './settings.ts'
import { deliverHalving, type Delivered, type Sink } from './sink.ts'
import { Waker } from './waker.ts'

export interface RelayOptions {
  readonly consumer: number
  readonly queue: OutboxQueue
  readonly sink: Sink
  readonly settings: OutboxSettings
  readonly meter: RelayMeter
  readonly log: (line: string) => void
}

const TROUBLE_FIRST_MS = 100
const TROUBLE_MAX_MS = 2_000
/** What settling a batch may take before its lease ends. */
const SETTLE_MARGIN_MS = 250
/** How often overdue rows are looked for in the status form. */
const REAPS_PER_LEASE = 4

export class Relay {
  readonly waker = new Waker()
  readonly #options: RelayOptions
  readonly #inFlight = new Set<Promise<void>>()
  #troubleMs = 0
  #reapedAtMs = 0

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** Until stopped; what is in delivery then is brought to its end. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { settings } = this.#options
    signal.addEventListener('abort', () => {
      this.waker.wake()
    })
    while (!signal.aborted) {
      if (this.#inFlight.size >= settings.concurrency) {
        await Promise.race(this.#inFlight)
        continue
      }
      this.waker.forget()
      const claim = await this.#claim()
      if (claim === null) {
        await this.#restFromTrouble(signal)
        continue
      }
      if (claim.rows.length > 0) this.#begin(claim, signal)
      // A full batch says that there is more; less says that all there was is under way. A stop wakes.
      if (claim.rows.length < settings.claimRowsMax) await this.#rest(signal)
    }
    await Promise.all(this.#inFlight)
  }

  /** null: the database did not answer. */
  async #claim(): Promise<Claim | null> {
    const { queue, consumer, meter, log } = this.#options
    try {
      await this.#reap()
      const startedMs = performance.now()
      const claim = await queue.claim(consumer)
      meter.claimed(claim.rows, performance.now() - startedMs)
      this.#troubleMs = 0
      return claim
    } catch (error) {
      log(`consumer ${String(consumer)} could not claim: ${messageOf(error)}`)
      return null
    }
  }

  async #reap(): Promise<void> {
    const { queue, consumer, settings } = this.#options
    const nowMs = performance.now()
    if (nowMs - this.#reapedAtMs < settings.leaseMs / REAPS_PER_LEASE) return
    this.#reapedAtMs = nowMs
    await queue.reap(consumer)
  }

  #begin(claim: Claim, signal: AbortSignal): void {
    const under = this.#deliver(claim, signal)
      .catch((error: unknown) => {
        // The rows stay claimed until their lease ends; then somebody takes them again.
        const { consumer, log } = this.#options
        log(`consumer ${String(consumer)} could not settle a batch: ${messageOf(error)}`)
      })
      .finally(() => {
        this.#inFlight.delete(under)
      })
    this.#inFlight.add(under)
  }

  async #deliver(claim: Claim, signal: AbortSignal): Promise<void> {
    const { queue, settings, meter } = this.#options
    const isSpent = (row: OutboxRow): boolean => row.attempts > settings.attemptsMax
    const spent = claim.rows.filter(isSpent)
    if (spent.length > 0) {
      const because = `its worker died or hung ${String(settings.attemptsMax)} times`
      meter.buried(await queue.bury(claim, spent, because))
    }
    let open = claim.rows.filter((row) => !isSpent(row))
    let pauseMs = TROUBLE_FIRST_MS
    while (open.length > 0) {
      const result = await this.#send(claim, open)
      open = [...result.open]
      await this.#settle(claim, result)
      if (open.length === 0) return
      // Sent again as the same batch under the same token for as long as the lease allows: that is what a receiver knows.
      const leftMs = claim.leaseEndsMs - performance.now() - SETTLE_MARGIN_MS
      if (signal.aborted || leftMs < pauseMs + settings.deliverTimeoutMs) break
      await delay(pauseMs, undefined, { signal }).catch(() => undefined)
      pauseMs = Math.min(TROUBLE_MAX_MS, pauseMs * 2)
    }
    if (open.length > 0) {
      const how = { delayMs: settings.retryMs, attemptsBack: 1 } as const
      meter.released(await queue.release(claim, open, how))
    }
  }

  async #send(claim: Claim, rows: readonly OutboxRow[]): Promise<Delivered> {
    const { sink, settings, consumer } = this.#options
    return await deliverHalving(
      (batch) => {
        const leftMs = claim.leaseEndsMs - performance.now() - SETTLE_MARGIN_MS
        const limitMs = Math.max(1, Math.min(settings.deliverTimeoutMs, leftMs))
        return sink.deliver(batch, AbortSignal.timeout(Math.ceil(limitMs)))
      },
      consumer,
      rows,
    )
  }

  async #settle(claim: Claim, { taken, refused, because }: Delivered): Promise<void> {
    const { queue, settings, meter, log, consumer } = this.#options
    if (because !== null) log(`the sink of consumer ${String(consumer)} is away: ${because}`)
    if (taken.length > 0) meter.completed(await queue.complete(claim, taken), taken.length)
    for (const { row, because: why } of refused) {
      if (row.attempts >= settings.attemptsMax) meter.buried(await queue.bury(claim, [row], why))
      else {
        const how = { delayMs: settings.retryMs, attemptsBack: 0 } as const
        meter.released(await queue.release(claim, [row], how))
      }
    }
  }

  /** Until somebody wakes, or it is time to look unasked; the pause lets rows gather. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { claimPauseMs, pollMs } = this.#options.settings
    if (claimPauseMs > 0) await delay(claimPauseMs, undefined, { signal }).catch(() => undefined)
    await this.waker.wait(Math.max(1, pollMs - claimPauseMs))
  }

  /** After trouble with the database; a stop ends it. */
  async #restFromTrouble(signal: AbortSignal): Promise<void> {
    this.#troubleMs = Math.min(TROUBLE_MAX_MS, Math.max(TROUBLE_FIRST_MS, this.#troubleMs * 2))
    await delay(this.#troubleMs, undefined, { signal }).catch(() => undefined)
  }
}
