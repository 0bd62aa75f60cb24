/**
 * A position in PostgreSQL's write-ahead log, as text and as a number that can be compared
 * (https://www.postgresql.org/docs/18/datatype-pg-lsn.html).
 */
export type Lsn = bigint

const FORM = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i
const LOW_BITS = 32n

/** Null where the text is no position: it comes from outside. */
export function parseLsn(text: string): Lsn | null {
  const [, high, low] = FORM.exec(text) ?? []
  if (high === undefined || low === undefined) return null
  return (BigInt(`0x${high}`) << LOW_BITS) | BigInt(`0x${low}`)
}

export function lsnText(lsn: Lsn): string {
  const low = lsn & ((1n << LOW_BITS) - 1n)
  return `${(lsn >> LOW_BITS).toString(16)}/${low.toString(16)}`.toUpperCase()
}
