/**
 * Who reads, and how old an answer he accepts (mission-map E17). In: headers of a request. Out: what it demands of the
 * copy that answers.
 */
import { parseLsn, type Lsn } from './lsn.ts'

export const READ_CLASSES = ['critical', 'search', 'analytics'] as const
export type ReadClass = (typeof READ_CLASSES)[number]

/** Oldest answer, in milliseconds, that is not stale. */
export type LagBudgetsMs = Readonly<Record<ReadClass, number>>

export interface ReadDemand {
  readonly readClass: ReadClass
  /** The position of the reader's last write; null where he names none. */
  readonly token: Lsn | null
}

/** A read may say its class; else its route decides. */
export const READ_CLASS_HEADER = 'x-read-class'
/** Comes with an acknowledgement, and goes with reads that must see it. */
export const TOKEN_HEADER = 'x-consistency-token'

export type DemandRead =
  | { readonly ok: true; readonly demand: ReadDemand }
  | { readonly ok: false; readonly status: 400; readonly reason: string }

export function readDemand(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  usual: ReadClass,
): DemandRead {
  const asked = headers[READ_CLASS_HEADER] ?? usual
  const readClass = READ_CLASSES.find((known) => known === asked)
  if (readClass === undefined) {
    return bad(`${READ_CLASS_HEADER} must be one of ${READ_CLASSES.join(', ')}`)
  }
  const text = headers[TOKEN_HEADER]
  if (text === undefined) return { ok: true, demand: { readClass, token: null } }
  const token = typeof text === 'string' ? parseLsn(text) : null
  if (token === null) return bad(`${TOKEN_HEADER} must be as an acknowledgement gave it`)
  return { ok: true, demand: { readClass, token } }
}

function bad(reason: string): DemandRead {
  return { ok: false, status: 400, reason }
}
