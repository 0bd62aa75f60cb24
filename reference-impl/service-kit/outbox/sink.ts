/**
 * Where outbox rows go. In: rows. Out: whether the receiver has them, will not take them, or did not answer. And the
 * halving that finds the one row a batch was refused for, so that it goes alone and the others arrive.
 */
import { createHash } from 'node:crypto'
import type { OutboxRow } from './queue.ts'

export type SinkAnswer =
  | { readonly state: 'delivered' }
  /** Nothing of it was taken, and some row is to blame. */
  | { readonly state: 'bad-data'; readonly because: string }
  /** Not reachable, overloaded, or no answer: it may or may not have them. */
  | { readonly state: 'away'; readonly because: string }

export interface SinkBatch {
  readonly consumer: number
  readonly rows: readonly OutboxRow[]
  /** The same for the same rows, in whichever worker: what a receiver may tell a repeat by. */
  readonly token: string
}

export interface Sink extends AsyncDisposable {
  /** Never rejects. */
  deliver(batch: SinkBatch, signal: AbortSignal): Promise<SinkAnswer>
}

export interface Refused {
  readonly row: OutboxRow
  readonly because: string
}

export interface Delivered {
  readonly taken: readonly OutboxRow[]
  readonly refused: readonly Refused[]
  /** Nobody knows whether the receiver has them; `because` of the last answer. */
  readonly open: readonly OutboxRow[]
  readonly because: string | null
}

/** Sends all rows; a batch that is refused is halved until the row to blame is alone. */
export async function deliverHalving(
  send: (batch: SinkBatch) => Promise<SinkAnswer>,
  consumer: number,
  rows: readonly OutboxRow[],
): Promise<Delivered> {
  const answer = await send({ consumer, rows, token: tokenOf(consumer, rows) })
  switch (answer.state) {
    case 'delivered':
      return { taken: rows, refused: [], open: [], because: null }
    case 'away':
      return { taken: [], refused: [], open: rows, because: answer.because }
    case 'bad-data': {
      const [only] = rows
      if (rows.length <= 1) {
        const refused = only === undefined ? [] : [{ row: only, because: answer.because }]
        return { taken: [], refused, open: [], because: null }
      }
      const middle = rows.length >> 1
      const first = await deliverHalving(send, consumer, rows.slice(0, middle))
      const second = await deliverHalving(send, consumer, rows.slice(middle))
      return {
        taken: [...first.taken, ...second.taken],
        refused: [...first.refused, ...second.refused],
        open: [...first.open, ...second.open],
        because: second.because ?? first.because,
      }
    }
  }
}

export function tokenOf(consumer: number, rows: readonly Pick<OutboxRow, 'id'>[]): string {
  const hash = createHash('sha256').update(String(consumer))
  for (const { id } of rows) hash.update(`,${id}`)
  return hash.digest('hex').slice(0, 32)
}
