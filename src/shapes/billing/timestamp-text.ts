/** Epoch milliseconds as `2026-01-01T00:00:00.000Z` in place: the day is remembered, the rest is arithmetic. */
import { patchDigits } from './identifiers.ts'

export const TIMESTAMP_TEMPLATE = '2026-01-01T00:00:00.000Z'
const DAY_MS = 86_400_000

export class TimestampText {
  #day = Number.NaN
  readonly #date = new Uint8Array(10)

  /** Writes over a copy of the template. @param epochMs whole, years 0 … 9999 */
  patch(epochMs: number, target: Uint8Array, at: number): void {
    const day = Math.floor(epochMs / DAY_MS)
    if (day !== this.#day) this.#remember(day)
    target.set(this.#date, at)
    const ms = epochMs - day * DAY_MS
    const seconds = (ms / 1000) | 0
    const minutes = (seconds / 60) | 0
    const hours = (minutes / 60) | 0
    patchDigits(hours, 2, target, at + 11)
    patchDigits(minutes - hours * 60, 2, target, at + 14)
    patchDigits(seconds - minutes * 60, 2, target, at + 17)
    patchDigits(ms - seconds * 1000, 3, target, at + 20)
  }

  #remember(day: number): void {
    const text = new Date(day * DAY_MS).toISOString()
    for (let at = 0; at < 10; at++) this.#date[at] = text.charCodeAt(at)
    this.#day = day
  }
}
