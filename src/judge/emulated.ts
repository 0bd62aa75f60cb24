/**
 * What a slow disk would cost, beside what this one showed. In: the study's emulated targets and all runs. Out: one
 * labelled line per target; it ranks nothing and fires nothing.
 */
import { formatDurationUs, formatRate } from '../kit/units.ts'
import type { Quantile, RunRecord, StudyRecord } from '../results/record.ts'
import { evidenceOf } from './evidence.ts'
import type { TargetEvidence } from './evidence.ts'
import { comparedRate, figuresOf } from './figures.ts'
import type { EmulatedFindings } from './findings.ts'
import { medianOf } from './statistics.ts'

export function emulatedFindings(
  study: Pick<StudyRecord, 'emulated'>,
  runs: readonly RunRecord[],
): readonly EmulatedFindings[] {
  return (study.emulated ?? []).map(({ of, fsyncUs, target }) => {
    const emulated = evidenceOf(target.name, runs)
    const real = evidenceOf(of, runs)
    const comparedAtPerS = emulated.rounds.length === 0 ? null : comparedRate([emulated, real])
    const [round] = emulated.rounds
    return {
      of,
      fsyncUs,
      sustainedPerS: round?.measured.sustainedPerS ?? null,
      brokenAtPerS: round?.measured.brokenAtPerS ?? null,
      comparedAtPerS,
      p50Us: typical(emulated, 'latency.p50Us', comparedAtPerS),
      p99Us: typical(emulated, 'latency.p99Us', comparedAtPerS),
      realP50Us: typical(real, 'latency.p50Us', comparedAtPerS),
      realP99Us: typical(real, 'latency.p99Us', comparedAtPerS),
      discarded: whyMissing(emulated),
    }
  })
}

function typical(
  evidence: TargetEvidence,
  figure: 'latency.p50Us' | 'latency.p99Us',
  ratePerS: number | null,
): Quantile | null {
  if (ratePerS === null) return null
  const value = medianOf(figuresOf(evidence, figure, ratePerS))
  if (value === null) return null
  return Number.isFinite(value) ? value : 'infinite'
}

function whyMissing({ rounds, discarded, runs }: TargetEvidence): string | null {
  if (rounds.length > 0) return null
  if (runs.length === 0) return 'the study ended before it was run'
  return discarded.map(({ because }) => because).join('; ')
}

/** The line a reader sees, labelled as what it is. */
export function emulatedInWords(found: EmulatedFindings): string {
  const label = `${found.of} with an emulated fsync of ${formatDurationUs(found.fsyncUs)} (commit_delay, one round)`
  if (found.discarded !== null) return `${label}: no figure, ${found.discarded}.`
  const rate =
    found.sustainedPerS === null
      ? `keeps no measured rate within its SLOs`
      : `holds ${formatRate(found.sustainedPerS)}`
  const broke =
    found.brokenAtPerS === null ? '' : ` and breaks at ${formatRate(found.brokenAtPerS)}`
  if (found.comparedAtPerS === null || found.p50Us === null || found.realP50Us === null) {
    return `${label}: ${rate}${broke}.`
  }
  const [p99, realP99] = [found.p99Us, found.realP99Us]
  const tails =
    p99 === null || realP99 === null
      ? ''
      : `, p99 ${formatDurationUs(p99)} (${formatDurationUs(realP99)})`
  return `${label}: ${rate}${broke}; at ${formatRate(found.comparedAtPerS)} p50 ${formatDurationUs(found.p50Us)} (${formatDurationUs(found.realP50Us)} on this disk)${tails}.`
}
