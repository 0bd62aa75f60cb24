/** The audit of a run: every store of the architecture against what was acknowledged, and against each other. */
import type { StorePromise } from '../architecture/architecture.ts'
import type { Projection } from '../architecture/projection.ts'
import type { Evidence } from '../architecture/evidence.ts'
import type { Store } from '../engines/engine.ts'
import { assert } from '../kit/errors.ts'
import type { Audit, ProjectionAudit } from '../results/audit-record.ts'
import type { EventStream } from '../shapes/stream.ts'
import { and, or, without, type IndexBits } from './index-bits.ts'
import type { OutcomeReader } from './outcomes.ts'
import { auditProjection } from './projection-audit.ts'
import type { WorstFault } from './promise.ts'
import type { NotProven } from './reads-audit.ts'
import { auditReads } from './reads-audit.ts'
import type { Restore } from './restores.ts'
import { mustBeThere } from './restores.ts'
import { foldOutcomes, type SentEvents } from './sent-events.ts'
import { auditStatement } from './statement-audit.ts'
import { auditStore, type StoreFindings } from './store-audit.ts'

export interface RunAuditOptions {
  readonly stores: readonly Pick<Store, 'name' | 'rows' | 'readable' | 'totals'>[]
  /** Absent: nothing is derived. */
  readonly projections?: readonly Projection[]
  /** Of stores and projections, by name. */
  readonly promises: readonly StorePromise[]
  readonly stream: EventStream
  /** Absent: preloaded rows come from `stream`; a run that replays a file names the stream that made them. */
  readonly preloadStream?: EventStream
  readonly outcomes: OutcomeReader
  readonly preloadedRows: number
  readonly worstFault?: WorstFault
  /** By name of a store: what it was made again from. Absent: nothing was. */
  readonly restores?: ReadonlyMap<string, readonly Restore[]>
  readonly listLimit?: number
  readonly signal: AbortSignal
}

export interface EvidenceAuditOptions extends Omit<RunAuditOptions, 'stores'> {
  readonly evidence: Exclude<Evidence, { by: 'none' }>
  /** Of an architecture; empty for a service of the user's own. */
  readonly stores: RunAuditOptions['stores']
}

/** What was found; or, where too little could be looked at to prove anything, why. */
export type AuditEnd = { readonly audit: Audit } | NotProven

/** Learns what is stored in the way the target allows. Rejects when a store, or the service, cannot be asked at all. */
export async function auditEvidence(options: EvidenceAuditOptions): Promise<AuditEnd> {
  const { evidence, outcomes, stream, promises, worstFault, listLimit, signal } = options
  if (evidence.by === 'stores') return { audit: await auditRun(options) }
  const [promise] = promises
  assert(promise !== undefined, 'a service of the user’s own promises something')
  const sent = await foldOutcomes(outcomes, stream, signal)
  const { settleS } = evidence
  const limits = {
    ...(worstFault === undefined ? {} : { worstFault }),
    ...(listLimit === undefined ? {} : { listLimit }),
  }
  const shared = { settleS, stream, sent, promise, signal, ...limits }
  const end =
    evidence.by === 'reads'
      ? await auditReads({ ...shared, reader: evidence.reader })
      : await auditStatement({ ...shared, store: evidence.store })
  if (end.audit === null) return end
  const passed = end.audit.verdict !== 'broken'
  return { audit: { stores: [end.audit], divergedBetweenStores: 0, passed } }
}

/** Reads every store once in full and once through its view, and every projection once. Rejects when one of them does. */
export async function auditRun(options: RunAuditOptions): Promise<Audit> {
  const { stores, projections = [], promises, outcomes, stream, signal, ...more } = options
  const { restores: restoresOf, ...rest } = more
  const sent = await foldOutcomes(outcomes, stream, signal)
  const findings: StoreFindings[] = []
  const promiseOf = (name: string): StorePromise => {
    const promise = promises.find((candidate) => candidate.store === name)
    assert(promise !== undefined, `the architecture promises something about ${name}`)
    return promise
  }
  for (const store of stores) {
    const promise = promiseOf(store.name)
    const restores = restoresOf?.get(store.name)
    const restored =
      restores === undefined
        ? {}
        : {
            restored: {
              restores,
              due: await mustBeThere(outcomes, { stream, restores }, signal),
            },
          }
    const { batchEvents = 1 } = outcomes
    const common = { store, promise, stream, sent, batchEvents, signal }
    findings.push(await auditStore({ ...rest, ...restored, ...common }))
  }
  const beside = storedBeside(findings)
  const shown: ProjectionAudit[] = []
  for (const projection of projections) {
    const promise = promiseOf(projection.name)
    const restores = restoresOf?.get(projection.name)
    const due =
      restores === undefined ? null : await mustBeThere(outcomes, { stream, restores }, signal)
    const split = due === null ? { sent } : takenBack(sent, due)
    const common = { projection, promise, stream, signal }
    shown.push(await auditProjection({ ...rest, ...split, ...beside, ...common }))
  }
  const audits = findings.map(({ audit }) => audit)
  return {
    stores: audits,
    ...(shown.length === 0 ? {} : { projections: shown }),
    divergedBetweenStores: divergedBetween(findings),
    passed: [...audits, ...shown].every(({ verdict }) => verdict !== 'broken'),
  }
}

/** A projection is made of the architecture's first store, by whoever writes that. */
function storedBeside([first]: readonly StoreFindings[]): { readonly storedBeside?: IndexBits } {
  return first === undefined ? {} : { storedBeside: first.held }
}

/** What a fault may have taken back may be shown or not. */
function takenBack(
  sent: SentEvents,
  due: IndexBits,
): { readonly sent: SentEvents; readonly excused: IndexBits } {
  const excused = sent.acknowledged.clone().combine(due, without)
  return { sent: { ...sent, acknowledged: due }, excused }
}

/** Events that some store gives out and another does not, or holds with another value. */
function divergedBetween(findings: readonly StoreFindings[]): number {
  const [first, ...others] = findings
  if (first === undefined || others.length === 0) return 0
  const everywhere = first.held.clone()
  const somewhere = first.held.clone()
  const differing = first.diverged.clone()
  for (const { held, diverged } of others) {
    everywhere.combine(held, and)
    somewhere.combine(held, or)
    differing.combine(diverged, or)
  }
  return somewhere.combine(everywhere, without).combine(differing, or).count()
}
