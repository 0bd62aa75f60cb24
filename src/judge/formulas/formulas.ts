/**
 * The documents' capacity formulas beside what was measured. In: a study and its evidence. Out: per target and formula
 * what it predicts for this run, what the run showed, and whether it held. A formula that a target gives no input for
 * is left out: no queue, no dead rows.
 */
import type { StudyRecord } from '../../results/record.ts'
import type { TargetEvidence } from '../evidence.ts'
import { deadRows } from './between-visits.ts'
import { connections } from './connections.ts'
import type { FormulaFinding } from './finding.ts'
import { FormulaRun } from './formula-run.ts'
import { partitions } from './partitions.ts'
import { stalledSlot } from './stalled-slot.ts'
import { vacuumThreshold } from './vacuum.ts'
import { walPerEvent } from './wal-per-event.ts'
import { checkpointInterval } from './wal.ts'

const FORMULAS = [
  vacuumThreshold,
  walPerEvent,
  connections,
  partitions,
  checkpointInterval,
  deadRows,
  stalledSlot,
] as const

export function formulaFindings(
  study: StudyRecord,
  targets: readonly TargetEvidence[],
): readonly FormulaFinding[] {
  const runs = targets.map((target) => FormulaRun.of(study, target)).filter((run) => run !== null)
  return FORMULAS.flatMap((formula) => runs.flatMap((run) => formula(run) ?? []))
}
