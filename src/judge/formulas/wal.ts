/** F12: how often WAL asks for a checkpoint. */
import {
  formatBytes,
  formatCount,
  formatBytesPerS,
  formatDurationS,
  formatNumber,
} from '../../kit/units.ts'
import {
  checkpointDistanceBytes,
  checkpointIntervalS,
  checkpointSegments,
} from '../../plan/formulas.ts'
import type { CheckpointSettings } from '../../plan/formulas.ts'
import { checkpointSettings } from '../../plan/postgres-settings.ts'
import { measuredSteps } from '../evidence.ts'
import type { Round } from '../evidence.ts'
import { medianOf } from '../statistics.ts'
import { HELD_WITHIN_RATIO } from './finding.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

export function checkpointInterval(run: FormulaRun): FormulaFinding | null {
  const walPerS = run.middle('wal.bytesPerS')
  if (walPerS === null) return null
  const settings = checkpointSettings(run.server)
  const intervalS = checkpointIntervalS(settings, walPerS)
  const begun = medianOf(run.rounds.map(ownCheckpoints).filter((one) => one !== null))
  return {
    id: 'F12',
    title: 'Time between checkpoints',
    target: run.target,
    documented:
      'the sooner of checkpoint_timeout and max_wal_size ÷ (1 + checkpoint_completion_target) ÷ WAL rate: 8 GB at 0.9 are 4.21, so the documented 30 minutes are 11 at 6.7 MB/s; predicted with whole segments, as the server counts',
    inputs: `${distanceInWords(settings)}, at ${formatBytesPerS(walPerS)}; or one every ${formatDurationS(settings.timeoutS)}`,
    unit: 's',
    predicted: intervalS,
    ...checkpointsSeen({ intervalS, begun, measuredS: run.measuredS, rounds: run.rounds }),
  }
}

function distanceInWords(settings: CheckpointSettings): string {
  const { maxWalBytes, completionTarget, segmentBytes } = settings
  const segments = checkpointSegments(settings)
  return `max_wal_size ${inMebibytes(maxWalBytes)}, completion target ${formatNumber(completionTarget)}: a checkpoint every ${formatBytes(checkpointDistanceBytes(settings))} of WAL, which the server takes in whole segments of ${inMebibytes(segmentBytes)}: every ${formatCount(segments)}, ${formatBytes(segments * segmentBytes)}`
}

/** Of fewer, one more or less would be as many as all of them. */
const DUE_MIN = 2

interface CheckpointsSeen {
  readonly intervalS: number
  readonly begun: number | null
  readonly measuredS: number
  readonly rounds: readonly Round[]
}

function checkpointsSeen(
  seen: CheckpointsSeen,
): Pick<FormulaFinding, 'measured' | 'verdict' | 'because'> {
  const { intervalS, begun, measuredS, rounds } = seen
  if (begun === null) {
    return { measured: null, verdict: 'not-tested', because: 'checkpoints were not counted' }
  }
  // Every CHECKPOINT of the harness begins the count anew.
  const due = medianOf(
    rounds.map((round) =>
      stretchesS(round).reduce((sum, stretchS) => sum + Math.floor(stretchS / intervalS), 0),
    ),
  )
  const measured = begun === 0 ? null : measuredS / begun
  const counted = `${formatNumber(due ?? 0)} due of itself in ${formatDurationS(measuredS)}, ${formatNumber(begun)} begun`
  // A stretch may begin or end in the middle of a checkpoint, so one more or less says nothing.
  if (Math.abs((due ?? 0) - begun) > Math.max(1, HELD_WITHIN_RATIO * begun))
    return { measured, verdict: 'did-not-hold', because: counted }
  if ((due ?? 0) < DUE_MIN) {
    return { measured, verdict: 'not-tested', because: `the run was too short: ${counted}` }
  }
  return { measured, verdict: 'held', because: counted }
}

/** Begun by the server itself: the harness's own are counted as requested too, and taken off. */
function ownCheckpoints(round: Round): number | null {
  const { metrics, checkpoints } = round.measured
  const requested = metrics['checkpoint.requested']
  const timed = metrics['checkpoint.timed']
  if (requested === undefined || timed === undefined) return null
  return Math.max(0, Math.round(requested + timed - checkpoints.length))
}

/** The measured phase, cut where the harness made a checkpoint. */
function stretchesS({ measured, run }: Round): readonly number[] {
  const steps = measuredSteps({ measured, run })
  const fromMs = Math.min(...steps.map((step) => step.fromMs))
  const toMs = Math.max(...steps.map((step) => step.toMs))
  const cuts = measured.checkpoints.map(({ atMs }) => atMs).filter((at) => at > fromMs && at < toMs)
  const borders = [fromMs, ...cuts.sort((a, b) => a - b), toMs]
  return borders.slice(1).map((at, before) => (at - (borders[before] ?? at)) / 1e3)
}

/** As PostgreSQL and the documents write it. */
function inMebibytes(bytes: number): string {
  return `${formatCount(bytes / 2 ** 20)} MiB`
}
