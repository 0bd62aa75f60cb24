/** How a study ends as an exit code. In: its records. Out: the code that matters most. Pure. */
import { cameBack } from '../judge/faults.ts'
import { ERROR_EXIT_CODES } from '../kit/errors.ts'
import type { Outcome, RunRecord, StudyRecord } from '../results/record.ts'

const ABORTED_BY = {
  signal: ERROR_EXIT_CODES.INTERRUPTED,
  'engine-crash': ERROR_EXIT_CODES.ENGINE_CRASHED,
  'service-crash': ERROR_EXIT_CODES.SERVICE_CRASHED,
  'disk-full': ERROR_EXIT_CODES.DISK_FULL,
  deadline: ERROR_EXIT_CODES.ENGINE_NOT_READY,
} as const

/** What a user must hear first, first. */
const BY_WEIGHT: readonly number[] = [
  ERROR_EXIT_CODES.INTERRUPTED,
  ERROR_EXIT_CODES.AUDIT_MISMATCH,
  ERROR_EXIT_CODES.DISK_FULL,
  ERROR_EXIT_CODES.ENGINE_CRASHED,
  ERROR_EXIT_CODES.DRIVER_SATURATED,
  ERROR_EXIT_CODES.THRESHOLD_BROKEN,
]

export function runExitCode(input: {
  readonly study: StudyRecord
  readonly runs: readonly RunRecord[]
  readonly interrupted: boolean
}): number {
  const codes = input.runs
    .filter((run) => !isMadeUpFor(run, input.runs) && !isOnlyEmulated(run, input.study))
    .map((run) => codeOf(run.outcome, input.study.scenario.stop))
  if (input.interrupted) codes.push(ERROR_EXIT_CODES.INTERRUPTED)
  const heard = BY_WEIGHT.find((code) => codes.includes(code))
  return heard ?? codes.find((code) => code !== 0) ?? 0
}

/** A void round is named in the report; another round of the same target still answers the question. */
function isMadeUpFor(run: RunRecord, runs: readonly RunRecord[]): boolean {
  if (run.outcome.state !== 'void') return false
  return runs.some(
    (other) => other.target.name === run.target.name && other.outcome.state === 'completed',
  )
}

/** A void run on an emulated disk: it would rank nothing, and the report says that it has no figure. */
function isOnlyEmulated({ target, outcome }: RunRecord, { emulated = [] }: StudyRecord): boolean {
  return outcome.state === 'void' && emulated.some((one) => one.target.name === target.name)
}

function codeOf(outcome: Outcome, stop: StudyRecord['scenario']['stop']): number {
  switch (outcome.state) {
    case 'not-audited':
      // Nobody asked for an audit, or it was asked for in a way that cannot work: only the second is a mistake.
      return outcome.code === undefined ? ranCode(outcome, stop) : ERROR_EXIT_CODES[outcome.code]
    case 'completed':
      return ranCode(outcome, stop)

    case 'audit-failed':
      return ERROR_EXIT_CODES.AUDIT_MISMATCH
    case 'void':
      return ERROR_EXIT_CODES.DRIVER_SATURATED
    case 'aborted':
      return ABORTED_BY[outcome.by]
    case 'failed':
      return outcome.code in ERROR_EXIT_CODES
        ? ERROR_EXIT_CODES[outcome.code as keyof typeof ERROR_EXIT_CODES]
        : 1
  }
}

/**
 * A search for the first broken SLO has found what it looked for. What a fault broke is expected: there it counts whether
 * the target came back.
 */
function ranCode(
  { measured }: Extract<Outcome, { state: 'completed' | 'not-audited' }>,
  stop: StudyRecord['scenario']['stop'],
): number {
  if (measured.faults !== undefined) {
    return measured.faults.every(cameBack) ? 0 : ERROR_EXIT_CODES.THRESHOLD_BROKEN
  }
  const broke = stop === 'at-end' && measured.brokenAtPerS !== null
  return broke ? ERROR_EXIT_CODES.THRESHOLD_BROKEN : 0
}
