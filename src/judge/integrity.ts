/** What the audits of a target found, together. In: its runs. Out: counts, and the worst verdict; null where none looked. */
import type { Audit, StoreAudit } from '../results/audit-record.ts'
import type { RunRecord } from '../results/record.ts'
import type { AuditFindings, TargetFindings } from './findings.ts'

type Integrity = Pick<
  TargetFindings,
  'lostEvents' | 'duplicatedRows' | 'divergedEvents' | 'audit' | 'auditPassed'
>

/** Counted over every audited run of the target, also those whose figures do not count. */
export function integrityOf(runs: readonly RunRecord[]): Integrity {
  const audits = runs
    .map((run) => (run.outcome.state === 'failed' ? null : run.outcome.audit))
    .filter((audit) => audit !== null)
  if (audits.length === 0) {
    const none = { lostEvents: null, duplicatedRows: null, divergedEvents: null }
    return { ...none, audit: null, auditPassed: false }
  }
  const stores = audits.flatMap((audit) => audit.stores)
  return {
    lostEvents: sum(stores.map((store) => store.lostEvents)),
    duplicatedRows: sum(stores.map((store) => store.duplicatedRows)),
    divergedEvents:
      sum(stores.map((store) => store.divergedEvents)) +
      sum(audits.map((audit) => audit.divergedBetweenStores)),
    audit: { verdict: worstOf(audits), asked: askedOf(stores) },
    auditPassed: audits.every((audit) => audit.passed),
  }
}

function worstOf(audits: readonly Audit[]): StoreAudit['verdict'] {
  if (audits.some((audit) => !audit.passed)) return 'broken'
  const looked = audits.flatMap(({ stores, projections = [] }) => [...stores, ...projections])
  return looked.some(({ verdict }) => verdict === 'as-promised') ? 'as-promised' : 'whole'
}

function askedOf(stores: readonly StoreAudit[]): AuditFindings['asked'] {
  const some = stores.filter((store) => store.askedEvents !== undefined)
  if (some.length === 0) return null
  const askedEvents = sum(some.map((store) => store.askedEvents ?? 0))
  const ofEvents = sum(some.map((store) => store.acceptedEvents))
  return askedEvents < ofEvents ? { askedEvents, ofEvents } : null
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0)
}
