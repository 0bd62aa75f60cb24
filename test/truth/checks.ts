/** What every run against a target of known truth must satisfy, and what the audit says about it. */
import { expect } from 'vitest'
import type { StorePromise } from '../../src/architecture/architecture.ts'
import { auditRun } from '../../src/audit/audit.ts'
import { openOutcomes } from '../../src/audit/outcomes.ts'
import type { OutcomeCounts } from '../../src/drive/job.ts'
import type { StoreAudit } from '../../src/results/audit-record.ts'
import type { MemoryRow } from '../audit/memory-store.ts'
import { MemoryStore } from '../audit/memory-store.ts'
import type { DriverRun, Outcome } from './driver-run.ts'
import type { SentEvent } from './truth-server.ts'

export const CLIENTS = ['raw', 'undici'] as const

/** Counts, outcome file, histograms and schedule tell one story. */
export function expectConsistent(run: DriverRun): OutcomeCounts {
  const { result, outcomes, schedule, job } = run
  expect(result.requests).toBe(outcomes.length)
  if (result.stoppedAtMs === null) expect(result.requests).toBe(schedule.requests)
  const counts = { accepted: 0, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 }
  for (const { kind } of outcomes) {
    expect(kind).not.toBe('notDue')
    if (kind !== 'notDue') counts[kind] += job.batchEvents
  }
  for (const { d, x } of run.exceptions) {
    counts.accepted -= d.length + x.length
    counts.duplicate += d.length
    counts.rejected += x.length
  }
  const told = { accepted: 0, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 }
  for (const segment of result.segments) {
    for (const kind of kinds) told[kind] += segment.counts[kind]
    const { latencyAll, latencyAccepted } = segment
    expect(latencyAll.count + latencyAll.infinite).toBe(segment.dueEvents)
    const { shed, unknown, dropped, accepted, duplicate } = segment.counts
    expect(latencyAll.infinite).toBe(shed + unknown + dropped)
    expect(latencyAccepted.count).toBe(accepted + duplicate)
  }
  expect(told).toEqual(counts)
  const seen = { accepted: 0, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 }
  for (const window of run.windows) for (const kind of kinds) seen[kind] += window.counts[kind]
  expect(seen).toEqual(counts)
  return counts
}

const kinds = ['accepted', 'duplicate', 'rejected', 'shed', 'unknown', 'dropped'] as const

/** Request index of each event by its identity, for schedules of single events without duplicates. */
export function requestIndex(run: DriverRun): (event: SentEvent) => number {
  const byName = new Map<string, number>()
  for (let index = 0; index < run.result.requests * run.job.batchEvents; index++) {
    const name = `${run.stream.sourceOf(index)}/${run.stream.idOf(index)}`
    byName.set(name, Math.floor(index / run.job.batchEvents))
  }
  return ({ organization_id, transaction_id }) => {
    const request = byName.get(`${organization_id}/${transaction_id}`)
    if (request === undefined) throw new Error(`the driver never had ${transaction_id}`)
    return request
  }
}

export function requestsWith(run: DriverRun, kind: Outcome['kind']): readonly number[] {
  return run.outcomes.flatMap((outcome, request) => (outcome.kind === kind ? [request] : []))
}

const PROMISE: StorePromise = {
  store: 'truth.events',
  survives: 'process-kill',
  delivery: 'exactly-once',
  readAfterAck: 'at-once',
  duplicates: 'one-row',
}

/** The audit of what the server really stored, by the harness's own auditor and the driver's own files. */
export async function auditOf(run: DriverRun, stored: readonly MemoryRow[]): Promise<StoreAudit> {
  const { outcomesFile, exceptionsFile, batchEvents } = run.job
  const audit = await auditRun({
    stores: [new MemoryStore(PROMISE.store, stored)],
    promises: [PROMISE],
    stream: run.stream,
    outcomes: await openOutcomes({ outcomesFile, exceptionsFile, batchEvents }),
    preloadedRows: 0,
    listLimit: 100_000,
    signal: AbortSignal.timeout(60_000),
  })
  return audit.stores[0]!
}

/** A generator for fault positions: the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** `count` different whole numbers below `below`, ascending. */
export function seededPositions(seed: number, count: number, below: number): readonly number[] {
  const random = seeded(seed)
  const picked = new Set<number>()
  while (picked.size < count) picked.add(Math.floor(random() * below))
  return [...picked].sort((a, b) => a - b)
}
