/** Words that several sections use: names of states, tiers and dates, the same everywhere on the page. */
import { isMadeUp, roundName } from '../../results/made-again.ts'
import { formatDurationUs, formatHeadroom, formatMonth, formatMonthRange } from '../../kit/units.ts'
import type { Judgement, Verdict } from '../../judge/verdict.ts'
import type { RunRecord } from '../../results/record.ts'
import { measuredOf } from '../study-view.ts'
import type { TargetView } from '../study-view.ts'

/** What a badge or a cell says and how it is coloured. */
export type Tone = 'good' | 'warning' | 'bad' | 'unknown' | 'plain'

export function toneOf(verdict: Verdict): Tone {
  switch (verdict.state) {
    case 'holds':
      return 'good'
    case 'fired':
      return verdict.level === 'critical' ? 'bad' : 'warning'
    case 'unknown':
      return 'unknown'
    case 'does-not-apply':
      return 'plain'
  }
}

/** `holds`, `fired`, `fired: warning`, `unknown`, `does not apply`. */
export function stateWord(verdict: Verdict): string {
  if (verdict.state === 'does-not-apply') return 'does not apply'
  return verdict.state === 'fired' && verdict.level === 'warning' ? 'fired: warning' : verdict.state
}

/** Between which months a held trigger fires; null where nothing is said about it. */
export function firesSentence(verdict: Verdict): string | null {
  if (verdict.state !== 'holds') return null
  const { earliest, likely, latest, beyondEvidence } = verdict.firesBetween
  const beyond = beyondEvidence ? ' (beyond what was measured)' : ''
  if (earliest === null && likely === null && latest === null) {
    return `not within the horizon of the projection${beyond}`
  }
  if (earliest !== null && latest !== null) return `${formatMonthRange(earliest, latest)}${beyond}`
  const by = likely === null ? '' : `, likely ${formatMonthRange(likely, likely)}`
  if (earliest !== null) return `not before ${formatMonth(earliest)}${by}${beyond}`
  const month = likely ?? latest ?? ''
  return `${formatMonthRange(month, month)}${beyond}`
}

export function headroomWords(verdict: Verdict): string | null {
  if (verdict.state !== 'holds' || verdict.headroomRatio === null) return null
  const words = formatHeadroom(verdict.headroomRatio.mid)
  return verdict.headroomOf === 'metric' ? `${words} (of the metric; no crossing was seen)` : words
}

/** Short form for a badge: `E1 holds`. */
export function badgeWords(judgement: Judgement): string {
  return `${judgement.trigger} ${stateWord(judgement.verdict)}`
}

const TIER_WORDS: Readonly<Record<string, string>> = {
  nothing: 'survives nothing',
  'process-kill': 'survives a process kill',
  'power-loss': 'survives power loss',
  'node-loss': 'survives the loss of a node',
}

export function tierWords(durability: string): string {
  return TIER_WORDS[durability] ?? durability
}

/** Power loss is promised by documented settings; only the kill of processes is ever tried. */
export function tierNote(durability: string): string | null {
  return durability === 'power-loss' || durability === 'node-loss' ? 'by design, not tested' : null
}

/** `2026-11-21 10:22 UTC` from an ISO time; anything else as it is. */
export function utc(iso: string): string {
  const match = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?Z$/.exec(iso)
  return match === null ? iso : `${match[1] ?? ''} ${match[2] ?? ''} UTC`
}

export interface DriverHealth {
  readonly tone: Tone
  readonly words: string
  readonly detail: string
}

/** Whether the harness itself was the limit in any run of a target. */
export function driverHealth(target: TargetView): DriverHealth {
  const limited = target.runs.filter(limitedByHarness)
  const left = limited.filter((run) => !isMadeUp(run, target.runs))
  if (left.length > 0) {
    return { tone: 'bad', words: 'driver was the limit', detail: roundsAndReasons(left) }
  }
  if (target.shown === null) {
    return { tone: 'unknown', words: 'driver unknown', detail: 'no run measured anything' }
  }
  if (limited.length > 0) {
    const detail = `${roundsAndReasons(limited)}; made again, and that counts`
    return { tone: 'warning', words: 'driver was the limit once', detail }
  }
  const late = target.counted.flatMap(lateSteps)
  if (late.length > 0) {
    return { tone: 'warning', words: 'driver late', detail: late.join('; ') }
  }
  return { tone: 'good', words: 'driver healthy', detail: 'neither driver nor pool was a limit' }
}

function roundsAndReasons(runs: readonly RunRecord[]): string {
  return `round ${runs.map(roundName).join('; ')}: ${runs.map(reasonOf).join('; ')}`
}

/** From here on the driver’s own delay explains a notable part of the latency. */
const LATE_SHARE = 0.1
/** One tick of a timer: below it a share of a very short latency says nothing. */
const LATE_US = 1_000

function lateSteps(run: RunRecord): readonly string[] {
  const kept = (measuredOf(run)?.steps ?? []).filter(
    (step) => step.kind === 'measure' && step.complete && step.brokenSlo === null,
  )
  return kept.flatMap(({ name, sendDelayUs, latencyUs }) => {
    const delay = sendDelayUs?.p99
    const latency = latencyUs?.p99
    if (typeof delay !== 'number' || typeof latency !== 'number') return []
    return delay < LATE_US || delay < latency * LATE_SHARE
      ? []
      : [`round ${String(run.round)}, ${name}: send delay p99 ${formatDurationUs(delay)}`]
  })
}

function limitedByHarness({ outcome }: RunRecord): boolean {
  if (outcome.state === 'void') return true
  if (outcome.state === 'failed' || outcome.measured === null) return false
  const by = outcome.measured.saturated?.by
  return by === 'driver' || by === 'pool'
}

function reasonOf({ outcome }: RunRecord): string {
  switch (outcome.state) {
    case 'void':
      return outcome.because
    case 'failed':
      return outcome.message
    case 'aborted':
      return outcome.measured?.saturated?.evidence ?? outcome.message
    case 'completed':
    case 'not-audited':
    case 'audit-failed':
      return outcome.measured.saturated?.evidence ?? ''
  }
}
