/** What a query is asked with. In: its name, the stream, and how far it has come. Out: URL parameters of the contract. */
import { shapes } from '../shapes/registry.ts'
import type { EventStream } from '../shapes/stream.ts'
import type { DriverJob } from './job.ts'

export interface AskedOver {
  readonly stream: Pick<EventStream, 'timeMsOf' | 'sourceOf' | 'idOf'>
  readonly shape: DriverJob['stream']['shape']
  /** Of the newest event that was due. */
  readonly index: number
}

/** Questions are asked as of event time: that of the newest event, whatever the wall clock says. */
export function queryParams(
  name: string,
  { stream, shape, index }: AskedOver,
): Readonly<Record<string, string>> {
  const asOf = new Date(Math.ceil(stream.timeMsOf(index)) + 1).toISOString()
  if (name === 'Q1' || name === 'Q2') return { asOf }
  // Some event of the past; a multiplier that shares no factor with round counts walks through all of them.
  const some = index === 0 ? 0 : (index * 7_919) % index
  const { columns } = shapes[shape]
  const source = { [columns.source]: stream.sourceOf(some) }
  if (name !== 'Q4') return { asOf, ...source }
  return { ...source, [columns.id]: stream.idOf(some) }
}

/** Of the first event of the newest request, where so many were due. */
export function newestIndex(requests: number, batchEvents: number): number {
  return Math.max(0, requests - 1) * batchEvents
}
