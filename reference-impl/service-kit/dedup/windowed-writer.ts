/** A writer behind a window of identities: what is stored already is not written, what somebody is writing is refused. */
import type { Deadline } from '../deadline.ts'
import type { IngestEvent } from '../event.ts'
import { BILLING_DOOR } from '../event.ts'
import type { BatchWriter, Written } from '../written.ts'
import type { Claim, DedupWindow } from './window.ts'

export class WindowedWriter implements BatchWriter {
  readonly #writer: BatchWriter
  readonly #window: DedupWindow

  constructor(writer: BatchWriter, window: DedupWindow) {
    this.#writer = writer
    this.#window = window
  }

  async write(events: readonly IngestEvent[], deadline: Deadline): Promise<Written> {
    const claims = await this.#window.claim(events.map(BILLING_DOOR.identityOf))
    const { states } = claims
    const at = (...wanted: readonly Claim[]): readonly number[] =>
      states.flatMap((state, index) => (wanted.includes(state) ? [index] : []))
    const fresh = at('mine', 'unguarded')
    const told = { duplicates: at('stored'), underWay: at('under-way') }
    if (fresh.length === 0) return { state: 'stored', ...told }
    if (deadline.expired) {
      await claims.giveBack()
      return { state: 'refused', because: 'the batch ran out of time', backoff: false }
    }
    const chosen = fresh.flatMap((index) => events[index] ?? [])
    const written = await this.#writer.write(chosen, deadline)
    // The statement may still be committed: until its claim has run out nobody writes the same beside it.
    if (written.state === 'unknown') return written
    if (written.state !== 'stored') {
      await claims.giveBack()
      return written
    }
    await claims.keep()
    const repeats = written.duplicates.flatMap((position) => fresh[position] ?? [])
    return { state: 'stored', ...told, duplicates: [...told.duplicates, ...repeats] }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]()
  }
}
