/** The audit of a run: every store of the architecture against what was acknowledged, and against each other. */
import type { StorePromise } from '../architecture/architecture.ts'
import type { Evidence } from '../architecture/evidence.ts'
import type { Store } from '../engines/engine.ts'
import { assert } from '../kit/errors.ts'
import type { Audit } from '../results/audit-record.ts'
import type { EventStream } from '../shapes/stream.ts'
import { and, or, without } from './index-bits.ts'
import type { OutcomeReader } from './outcomes.ts'
import type { WorstFault } from './promise.ts'
import type { NotProven } from './reads-audit.ts'
import { auditReads } from './reads-audit.ts'
import type { Restore } from './restores.ts'
import { mustBeThere } from './restores.ts'
import { foldOutcomes } from './sent-events.ts'
import { auditStatement } from './statement-audit.ts'
import { auditStore, type StoreFindings } from './store-audit.ts'

export interface RunAuditOptions {
  readonly stores: readonly Pick<Store, 'name' | 'rows' | 'readable' | 'totals'>[]
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

/** Reads every store once in full and once through its view. Rejects when a store does. */
export async function auditRun(options: RunAuditOptions): Promise<Audit> {
  const { stores, promises, outcomes, stream, signal, restores: restoresOf, ...rest } = options
  const sent = await foldOutcomes(outcomes, stream, signal)
  const findings: StoreFindings[] = []
  for (const store of stores) {
    const promise = promises.find((candidate) => candidate.store === store.name)
    assert(promise !== undefined, `the architecture promises something about ${store.name}`)
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
    findings.push(await auditStore({ ...rest, ...restored, store, promise, stream, sent, signal }))
  }
  return {
    stores: findings.map(({ audit }) => audit),
    divergedBetweenStores: divergedBetween(findings),
    passed: findings.every(({ audit }) => audit.verdict !== 'broken'),
  }
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
