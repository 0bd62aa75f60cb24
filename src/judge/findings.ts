/** What judge and plan conclude from a study; the report draws this and nothing it computed itself. */
import type { Discarded } from './evidence.ts'
import type { StoreAudit } from '../results/audit-record.ts'
import type { Interval, Quantile, RunRecord, SaturatedBy, StudyRecord } from '../results/record.ts'
import type { FormulaFinding } from './formulas/finding.ts'
import type { FaultFindings } from './faults.ts'
import type { RealServerFindings } from './real-server.ts'
import type { SweepFindings } from './sweep.ts'
import type { Judgement } from './verdict.ts'

/** What all audits of a target say together: the worst of them. */
export interface AuditFindings {
  readonly verdict: StoreAudit['verdict']
  /** Where an audit asked for some of what was acknowledged and not for all; null where every row was looked at. */
  readonly asked: { readonly askedEvents: number; readonly ofEvents: number } | null
}

/** One architecture over all its rounds. */
export interface TargetFindings {
  readonly target: string
  readonly title: string
  /** Rounds that count; void, aborted and failed ones are listed with their reason. */
  readonly rounds: readonly number[]
  readonly discarded: readonly Discarded[]
  /** Over rounds; null when no step kept every SLO in any round, or no round counts. */
  readonly sustainedPerS: Interval | null
  /** SLOs that some counting round says nothing about: the sustained rate holds as far as the others go. */
  readonly unmeasuredSlos: readonly string[]
  /** First rate that broke an SLO, over rounds; null when none broke. */
  readonly brokenAtPerS: Interval | null
  /** What broke first: metric, resource, evidence, and the knob or architecture that moves it. */
  readonly limit: {
    readonly metric: string
    readonly by: SaturatedBy | 'unknown'
    readonly evidence: string
    readonly moves: string
    /** What was answered, where that and no resource was the limit: `150 of 150 answers were HTTP 401`. */
    readonly answers?: string
  } | null
  /** At `comparedAtPerS`, over rounds. */
  readonly latencyUs: {
    readonly p50: Quantile
    readonly p99: Quantile
    readonly p999: Quantile
  } | null
  readonly freshnessUs: { readonly p50: Quantile; readonly p99: Quantile } | null
  readonly comparedAtPerS: number | null
  /** Without full-page images; null where they cannot be told apart, then only the total below is known. */
  readonly walBytesPerEvent: number | null
  readonly walTotalBytesPerEvent: number | null
  readonly fpiBytesPerEvent: number | null
  readonly storedBytesPerEvent: number | null
  readonly cpuMsPer1000: { readonly service: number | null; readonly engine: number | null }
  /** Over every audited run; null where none was audited. */
  readonly lostEvents: number | null
  readonly duplicatedRows: number | null
  readonly divergedEvents: number | null
  readonly audit: AuditFindings | null
  readonly auditPassed: boolean
  /** Both words for the durability tier: `survives` of the acknowledging store. */
  readonly durability: string
  readonly ack: string
  readonly partsToOperate: readonly string[]
  readonly judgements: readonly Judgement[]
  /** What was broken on purpose, per round; empty where nothing was. */
  readonly faults: readonly FaultFindings[]
  /** sustained ÷ declared rate; null without a sustained rate. */
  readonly headroomRatio: Interval | null
  /** The sentence a manager can repeat. */
  readonly sentence: string
}

export interface Ranking {
  readonly metric: string
  /** Best first, only where intervals separate; otherwise `null`: no ranking, and `because` is the reason. */
  readonly order: readonly string[] | null
  readonly because: string
}

/** A durable target on an emulated slow disk: one round, labelled, never ranked. */
export interface EmulatedFindings {
  readonly of: string
  /** What every commit waits for at least. */
  readonly fsyncUs: number
  readonly sustainedPerS: number | null
  readonly brokenAtPerS: number | null
  /** At the highest rate that both the emulated and the real runs kept; null where there is none. */
  readonly comparedAtPerS: number | null
  readonly p50Us: Quantile | null
  readonly p99Us: Quantile | null
  /** The same at the same rate without emulation: median over rounds. */
  readonly realP50Us: Quantile | null
  readonly realP99Us: Quantile | null
  /** Why there are no figures: the run was void, failed or aborted; null when it counts. */
  readonly discarded: string | null
}

export interface Findings {
  readonly study: StudyRecord
  readonly runs: readonly RunRecord[]
  readonly targets: readonly TargetFindings[]
  readonly rankings: readonly Ranking[]
  /** Every point against its base; null where the study is no sweep. */
  readonly sweep: SweepFindings | null
  /** Durable targets with a slow disk emulated; empty where the disk is slow enough by itself. */
  readonly emulated: readonly EmulatedFindings[]
  /** Targets that ran on `clickhouse-local` and, in the same scenario, on a real server: how far the two differ. */
  readonly realServer: readonly RealServerFindings[]
  /** Documented formulas, what they predict for these runs, and whether that held. */
  readonly formulas: readonly FormulaFinding[]
  /** Phase band of the declared rate (trigger E6), in words. */
  readonly phase: string
  /** The verdict over all targets in one sentence. */
  readonly verdict: string
  /** Printed conditions a reader must know: provisional, contended, emulated … */
  readonly caveats: readonly string[]
}
