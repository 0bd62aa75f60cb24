/**
 * Replication slots that nobody read for part of a round. In: a round and its server. Out: how fast the WAL behind the one
 * that was left longest grew, beside what the events of that time should have written; or why nothing can be said of it.
 */
import { parseMetricKey } from '../../collect/metrics.ts'
import { formatDurationS } from '../../kit/units.ts'
import type { FaultSeen } from '../../results/fault-record.ts'
import type { RunRecord } from '../../results/record.ts'
import { measuredSteps } from '../evidence.ts'
import type { Round } from '../evidence.ts'

export interface UnreadSlot {
  readonly slot: string
  /** For how long its position stood still. */
  readonly seconds: number
  /** Of WAL behind it. */
  readonly grownBytesPerS: number
  /** New events per second in that time, and the WAL they are reckoned to write. */
  readonly newPerS: number
  readonly reckonedBytesPerS: number
}

export interface UnreadSlots {
  readonly longest: UnreadSlot | null
  /** Of those that say nothing, each with its reason. */
  readonly silent: readonly string[]
}

/** A look a second: of less, the one that is missed before a slot goes is too much. */
const UNREAD_MIN_S = 10

export function unreadSlots(
  round: Round,
  server: Pick<RunRecord['engines'][number], 'role'>,
): UnreadSlots {
  const looks = (round.measured.faults ?? [])
    .filter((fault) => fault.failed === null && leavesServerUp(fault, round, server.role))
    .flatMap((fault) => stalledIn(fault, round))
  const known = looks.filter((one) => typeof one !== 'string')
  // Only what rose most is kept of a fault, and little of one that stopped the server.
  const unknown = [...unreadIn(round)].map(
    (slot) => `what gathered behind slot ${slot} is not known`,
  )
  return {
    longest: known.toSorted((a, b) => b.seconds - a.seconds)[0] ?? null,
    silent: [...looks.filter((one) => typeof one === 'string'), ...unknown],
  }
}

/** A statement does; and whoever reads a slot may die: that is another PostgreSQL. */
function leavesServerUp({ kind, on }: FaultSeen, { run }: Round, role: string): boolean {
  if (kind === 'statements' || kind === 'session') return true
  return run.engines.some(
    (engine) =>
      engine.kind === 'postgres' &&
      engine.role !== role &&
      (on === engine.role || on.startsWith(`${engine.role}-`)),
  )
}

function stalledIn(fault: FaultSeen, round: Round): readonly (UnreadSlot | string)[] {
  const unread = unreadIn(round)
  const lost = lostIn(round)
  return fault.moved.flatMap(({ metric, highest: lagBytes }): readonly (UnreadSlot | string)[] => {
    const { id, label: slot } = parseMetricKey(metric)
    if (id !== 'slot.lagBytes' || slot === null || !unread.has(slot)) return []
    if (lost.has(slot)) return [`slot ${slot} was given up in the run`]
    // Both are highest at the last look before it goes or is read again.
    const seconds = fault.moved.find((one) => one.metric === `slot.restartAgeS{${slot}}`)?.highest
    if (seconds === undefined) return []
    if (seconds < UNREAD_MIN_S) {
      return [`slot ${slot} was left unread for ${formatDurationS(seconds)} only`]
    }
    const written = writtenIn(fault, round)
    return written === null
      ? []
      : [{ slot, seconds, grownBytesPerS: lagBytes / seconds, ...written }]
  })
}

interface SlotState {
  readonly slot: string
  /** `extended, unread` */
  readonly state: string
}

/** What the slots were seen to be in the measured phase. */
function statesIn({ measured }: Round): readonly SlotState[] {
  return Object.entries(measured.metrics).flatMap(([key, value]) => {
    const { id, label } = parseMetricKey(key)
    const [slot, state] = label?.split(': ') ?? []
    if (id !== 'slot.walStatus' || value <= 0 || slot === undefined || state === undefined)
      return []
    return [{ slot, state }]
  })
}

function unreadIn(round: Round): ReadonlySet<string> {
  return new Set(
    statesIn(round).flatMap(({ slot, state }) => (state.includes('unread') ? slot : [])),
  )
}

function lostIn(round: Round): ReadonlySet<string> {
  return new Set(
    statesIn(round).flatMap(({ slot, state }) => (state.startsWith('lost') ? slot : [])),
  )
}

/** By the steps that the fault lay in, each for as much of it as it had; null where they do not tell. */
function writtenIn(
  fault: FaultSeen,
  round: Round,
): Pick<UnreadSlot, 'newPerS' | 'reckonedBytesPerS'> | null {
  let ms = 0
  let events = 0
  let bytes = 0
  for (const step of measuredSteps(round)) {
    const shared = Math.min(step.toMs, fault.toMs) - Math.max(step.fromMs, fault.fromMs)
    const perEvent = step.metrics['wal.totalBytesPerEvent']
    if (shared <= 0) continue
    if (perEvent === undefined) return null
    const accepted = (step.counts.accepted * shared) / (step.toMs - step.fromMs)
    ms += shared
    events += accepted
    bytes += accepted * perEvent
  }
  return bytes === 0
    ? null
    : { newPerS: (events * 1e3) / ms, reckonedBytesPerS: (bytes * 1e3) / ms }
}
