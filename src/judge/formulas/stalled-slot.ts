/** F14: how long a disk lasts behind a slot that nobody reads, and how long by the slots that nobody read in these runs. */
import { formatBytes, formatBytesPerS, formatDurationS, formatRate } from '../../kit/units.ts'
import { diskFullInS } from '../../plan/formulas.ts'
import { slotKeepBytes } from '../../plan/postgres-settings.ts'
import { medianOf } from '../statistics.ts'
import { compared, repeatsInWords } from './finding.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'
import { unreadSlots } from './unread-slots.ts'

export function stalledSlot(run: FormulaRun): FormulaFinding | null {
  const perEvent = run.middle('wal.totalBytesPerEvent')
  const free = run.rounds[0]?.run.machine.dataDiskFreeBytes
  // The disk that was looked at is the harness's, and only an embedded server writes to it for sure.
  if (perEvent === null || free === undefined || run.server.provider !== 'embedded') return null
  const { ratePerS } = run.study.profile
  const walPerS = perEvent * run.newEventsRatio * ratePerS
  const formula = {
    id: 'F14',
    title: 'Disk full behind a slot that nobody reads',
    target: run.target,
    documented: 'free bytes ÷ WAL rate',
    unit: 's',
  }
  const ofEvents = `${formatBytes(free)} free on this machine, ${formatBytes(perEvent)} of WAL per new event`
  const declared = `the declared ${formatRate(ratePerS)}${repeatsInWords(run.newEventsRatio)}`
  const lost = lostInWords(run, walPerS)
  const seen = besideSlots(run, free)
  if (typeof seen === 'string') {
    return {
      ...formula,
      inputs: `${ofEvents} at ${declared}`,
      predicted: diskFullInS(free, walPerS),
      measured: null,
      verdict: 'not-tested',
      because: `${seen}; ${lost}`,
    }
  }
  const { newPerS, comparison } = seen
  return {
    ...formula,
    ...comparison,
    inputs: `${ofEvents} at the ${formatRate(newPerS)} that were new in the runs while a slot was unread`,
    because: `${comparison.because}; ${formatDurationS(diskFullInS(free, walPerS))} at ${declared}; ${lost}`,
  }
}

function lostInWords(run: FormulaRun, walPerS: number): string {
  const keep = slotKeepBytes(run.server)
  return keep === null
    ? 'max_slot_wal_keep_size is not set, so the disk fills'
    : `max_slot_wal_keep_size gives the slot up after ${formatBytes(keep)}, in ${formatDurationS(keep / walPerS)} at the declared rate`
}

interface BesideSlots {
  readonly newPerS: number
  readonly comparison: ReturnType<typeof compared>
}

/** What the events write beside what gathered behind a slot; else why there is nothing to compare with. */
function besideSlots(run: FormulaRun, free: number): BesideSlots | string {
  const rounds = run.rounds.map((round) => unreadSlots(round, run.server))
  const slots = rounds.flatMap(({ longest }) => longest ?? [])
  const newPerS = medianOf(slots.map((one) => one.newPerS))
  const reckoned = medianOf(slots.map((one) => one.reckonedBytesPerS))
  const grown = medianOf(slots.map((one) => one.grownBytesPerS))
  if (newPerS === null || reckoned === null || grown === null) {
    return rounds.flatMap(({ silent }) => silent)[0] ?? 'no slot was left unread'
  }
  const comparison = compared(diskFullInS(free, reckoned), diskFullInS(free, grown))
  const names = [...new Set(slots.map(({ slot }) => slot))].join(', ')
  const seconds = Math.min(...slots.map((one) => one.seconds))
  const because = `${comparison.because}: WAL behind ${names} grew by ${formatBytesPerS(grown)} over ${formatDurationS(seconds)} or more, and the events are reckoned to write ${formatBytesPerS(reckoned)}`
  return { newPerS, comparison: { ...comparison, because } }
}
