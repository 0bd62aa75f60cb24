/**
 * CPU time and memory per part. In: parts whose pids come and go. Out: seconds that only grow (the CPU of processes
 * that ended is kept) and bytes now.
 */
import { readFile } from 'node:fs/promises'
import type { Part } from '../architecture/part.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import type { Probe, Sample } from './probe.ts'
import { parseKiB, readProcessTimes } from './procfs.ts'
import type { ProcessTimes } from './procfs.ts'
import { readPsRows } from './ps.ts'

export type ReadProcessTimes = (pid: number) => ProcessTimes | null

/** Adding up page tables costs the kernel milliseconds for a large process: rarely is often enough. */
const MEMORY_INTERVAL_MS = 5_000
/** Two ticks: each of the figures compared is rounded down to one. */
const ROUNDING_S = 0.02

/** CPU time of one part, over every process it ever had. */
export class PartCpu {
  readonly #part: Part
  readonly #read: ReadProcessTimes
  /** The harness is everybody's parent: what it waited for has been counted as theirs. */
  readonly #withChildren: boolean
  #known = new Map<number, ProcessTimes>()
  /** CPU of processes that ended without a living parent in the part to carry it on. */
  #retiredS = 0
  #totalS = 0
  #wasSeen = false

  constructor(part: Part, read: ReadProcessTimes = readProcessTimes) {
    this.#part = part
    this.#read = read
    this.#withChildren = part.kind !== 'harness'
  }

  /** Whether any look found a process that could be read: until then 0 seconds mean nothing. */
  get wasSeen(): boolean {
    return this.#wasSeen
  }

  /** Seconds so far; never less than before. What a process used between the last look and its end may be missing. */
  totalS(): number {
    const now = this.#look()
    this.#retiredS += this.#lostSince(now)
    this.#known = now
    this.#wasSeen ||= now.size > 0
    let liveS = 0
    for (const times of now.values()) liveS += this.#secondsOf(times)
    this.#totalS = Math.max(this.#totalS, liveS + this.#retiredS)
    return this.#totalS
  }

  /** The part's processes now, and those it had that are dead but not yet waited for. */
  #look(): Map<number, ProcessTimes> {
    const now = new Map<number, ProcessTimes>()
    for (const pid of this.#part.pids()) {
      const times = this.#read(pid)
      if (times !== null) now.set(pid, times)
    }
    for (const before of this.#known.values()) {
      if (now.has(before.pid)) continue
      const times = this.#read(before.pid)
      if (times !== null && isSame(times, before)) now.set(before.pid, times)
    }
    return now
  }

  /**
   * A process that ended and was waited for lives on in its parent's `childrenS`. What nobody took over (the part's
   * root was killed, or the parent ignores its children's ends) is kept here.
   */
  #lostSince(now: ReadonlyMap<number, ProcessTimes>): number {
    let lostS = 0
    const owedS = new Map<number, number>()
    for (const ended of this.#known.values()) {
      if (isSame(now.get(ended.pid), ended)) continue
      const heir = this.#withChildren ? this.#heirOf(ended, now) : null
      if (heir === null) lostS += this.#secondsOf(ended)
      else owedS.set(heir, (owedS.get(heir) ?? 0) + this.#secondsOf(ended))
    }
    for (const [heir, expectedS] of owedS) {
      const grownS = (now.get(heir)?.childrenS ?? 0) - (this.#known.get(heir)?.childrenS ?? 0)
      if (grownS < expectedS - ROUNDING_S) lostS += expectedS - grownS
    }
    return lostS
  }

  /** The nearest ancestor that was there before and still is. */
  #heirOf(ended: ProcessTimes, now: ReadonlyMap<number, ProcessTimes>): number | null {
    const seen = new Set<number>()
    for (let at = ended; ;) {
      const parent = this.#known.get(at.ppid)
      if (parent === undefined || seen.has(parent.pid)) return null
      if (isSame(now.get(parent.pid), parent)) return parent.pid
      seen.add(parent.pid)
      at = parent
    }
  }

  #secondsOf(times: ProcessTimes): number {
    return times.ownS + (this.#withChildren ? times.childrenS : 0)
  }
}

/** Memory of every part, shared pages divided among those who share them. */
export function memoryProbe(parts: () => readonly Part[], log: Log): Probe {
  const resident = new Set<string>()
  return {
    name: 'memory',
    intervalMs: MEMORY_INTERVAL_MS,
    sample: async () => {
      const samples: Sample[] = []
      for (const part of parts()) {
        const { bytes, exact } = await memoryOf(part.pids())
        if (bytes === 0) continue
        if (!exact && !resident.has(part.name)) {
          resident.add(part.name)
          log(`memory of ${part.name} is resident size: shared pages count once per process`)
        }
        samples.push({ metric: 'memory.bytes', label: part.name, value: bytes })
      }
      return samples
    },
  }
}

/** `exact` is false where proportional sizes may not be read (another user's process) or do not exist. */
async function memoryOf(
  pids: readonly number[],
): Promise<{ readonly bytes: number; readonly exact: boolean }> {
  if (process.platform !== 'linux') {
    const rows = await readPsRows(pids)
    return { bytes: rows.reduce((sum, row) => sum + row.residentBytes, 0), exact: false }
  }
  const each = await Promise.all(pids.map(memoryOfProcess))
  return {
    bytes: each.reduce((sum, { bytes }) => sum + bytes, 0),
    exact: each.every(({ exact }) => exact),
  }
}

async function memoryOfProcess(
  pid: number,
): Promise<{ readonly bytes: number; readonly exact: boolean }> {
  const proportional = await textOf(`/proc/${pid}/smaps_rollup`)
  if (proportional === 'gone') return { bytes: 0, exact: true }
  const pss = proportional === 'forbidden' ? null : parseKiB(proportional, 'Pss')
  if (pss !== null) return { bytes: pss, exact: true }
  const status = await textOf(`/proc/${pid}/status`)
  return { bytes: parseKiB(status, 'VmRSS') ?? 0, exact: false }
}

/** The text, or one of two words that no /proc file consists of. */
async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    return /EACCES|EPERM/.test(messageOf(error)) ? 'forbidden' : 'gone'
  }
}

function isSame(now: ProcessTimes | undefined, before: ProcessTimes): boolean {
  return now?.startTicks === before.startTicks
}
