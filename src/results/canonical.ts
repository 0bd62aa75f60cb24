/** One text per value: keys sorted, so that the same record is the same bytes and the same hash everywhere. */
import { createHash } from 'node:crypto'

/** JSON with sorted keys and no white space. Throws on what JSON cannot hold (NaN, Infinity, functions, bigint). */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value, ''))
}

/** The same order, indented for people and diffs, with a final newline. */
export function readableJson(value: unknown): string {
  return `${JSON.stringify(sorted(value, ''), null, 2)}\n`
}

/** sha256 of the canonical JSON, in hex: two records with this hash hold the same thing. */
export function recordHash(record: unknown): string {
  return createHash('sha256').update(canonicalJson(record)).digest('hex')
}

function sorted(value: unknown, path: string): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw new TypeError(`${path === '' ? 'value' : path} is ${value}, which JSON cannot hold`)
  }
  if (Array.isArray(value)) return value.map((item, at) => sorted(item, `${path}[${at}]`))
  if (typeof value !== 'object') {
    throw new TypeError(`${path === '' ? 'value' : path} is a ${typeof value}`)
  }
  const entries: [string, unknown][] = Object.entries(value)
  return Object.fromEntries(
    entries
      .filter(([, item]) => item !== undefined)
      // By code unit, not by locale: the order must not depend on who runs it.
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, item]) => [key, sorted(item, path === '' ? key : `${path}.${key}`)]),
  )
}
