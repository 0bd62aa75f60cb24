/**
 * Interleaved rounds of which only those count that had the machine to themselves. In: ours and the peer. Out: figures
 * over the quiet rounds, how many were thrown away, and how busy others kept the machine.
 */
import { readMachineTimes, readProcessTimes } from '../src/collect/procfs.ts'
import type { MachineTimes } from '../src/collect/procfs.ts'
import { treeOf } from '../src/kit/process-table.ts'
import { interleaved, median } from './bench-row.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'

/** A round in which others took more than this many cores says more about them. */
const FOREIGN_CORES_MAX = 0.15
/** Rounds are repeated until enough were quiet, up to this many times as many as asked for. */
const PATIENCE = 2

export interface Compared extends Pick<BenchRow, 'ours' | 'peer' | 'ratio'> {
  /** False when every round was contended: the figures are those of contended rounds. */
  readonly quiet: boolean
  /** Rounds, foreign CPU and what was thrown away, in words. */
  readonly conditions: string
}

export interface Watched {
  /** null where the machine does not tell. */
  readonly foreignCores: number | null
}

type Round = Pick<BenchRow, 'ours' | 'peer' | 'ratio'> & Watched

export interface Sides {
  readonly ours: () => Promise<number>
  readonly peer: (() => Promise<number>) | null
}

export async function quietRounds(options: BenchOptions, sides: Sides): Promise<Compared> {
  const { counted, ...conditions } = await untilQuiet(options, (index) =>
    oneRound(sides, index % 2 === 0),
  )
  return { ...folded(counted), ...conditions }
}

/** Repeats a round of any shape until enough were quiet; where none was, all of them count and `quiet` is false. */
export async function untilQuiet<Kind extends Watched>(
  options: BenchOptions,
  round: (index: number) => Promise<Kind>,
): Promise<Pick<Compared, 'quiet' | 'conditions'> & { readonly counted: readonly Kind[] }> {
  const rounds: Kind[] = []
  const isQuiet = ({ foreignCores }: Kind): boolean => (foreignCores ?? 0) <= FOREIGN_CORES_MAX
  const enough = (): boolean => rounds.filter(isQuiet).length >= options.rounds
  while (!enough() && rounds.length < options.rounds * PATIENCE) {
    options.signal.throwIfAborted()
    rounds.push(await round(rounds.length))
  }
  const quiet = rounds.filter(isQuiet)
  return {
    counted: quiet.length > 0 ? quiet : rounds,
    quiet: quiet.length > 0,
    conditions: said(rounds, quiet.length),
  }
}

async function oneRound({ ours, peer }: Sides, oursFirst: boolean): Promise<Round> {
  const watch = watchMachine()
  if (oursFirst || peer === null) {
    const round = await interleaved(1, { ours, peer })
    return { ...round, foreignCores: watch() }
  }
  const theirs = await peer()
  const own = await ours()
  const ratio = own / theirs
  const figures = { ours: own, peer: theirs, ratio: { low: ratio, mid: ratio, high: ratio } }
  return { ...figures, foreignCores: watch() }
}

function folded(rounds: readonly Round[]): Pick<BenchRow, 'ours' | 'peer' | 'ratio'> {
  const peers = rounds.flatMap(({ peer }) => (peer === null ? [] : [peer]))
  const ratios = rounds.flatMap(({ ratio }) => (ratio === null ? [] : [ratio.mid]))
  return {
    ours: median(rounds.map((round) => round.ours)),
    peer: peers.length === 0 ? null : median(peers),
    ratio:
      ratios.length === 0
        ? null
        : { low: Math.min(...ratios), mid: median(ratios), high: Math.max(...ratios) },
  }
}

function said(rounds: readonly Watched[], quiet: number): string {
  const known = rounds.flatMap(({ foreignCores }) => (foreignCores === null ? [] : [foreignCores]))
  if (known.length === 0) return `${rounds.length} rounds; foreign CPU is not known here`
  const foreign = `foreign CPU ${Math.min(...known).toFixed(2)}–${Math.max(...known).toFixed(2)} cores`
  if (quiet === 0) return `CONTENDED: none of ${rounds.length} rounds was quiet; ${foreign}`
  const thrown = rounds.length - quiet
  return `${quiet} quiet rounds, ${thrown} contended thrown away; ${foreign}`
}

/** @returns ends the watch: cores taken since by processes that are not ours, and by the hypervisor */
export function watchMachine(): () => number | null {
  const before = readMachineTimes()
  const ownBefore = ownCpuS()
  const startedMs = performance.now()
  return () => {
    const now = readMachineTimes()
    if (before === null || now === null) return null
    const wallS = (performance.now() - startedMs) / 1_000
    const took = (of: (times: MachineTimes) => number): number => of(now) - of(before)
    const foreignS = took(({ processS }) => processS) - (ownCpuS() - ownBefore)
    return Math.max(0, foreignS + took(({ stealS }) => stealS)) / wallS
  }
}

/** This process and everything below it; what ended and was waited for is in its parent's account. */
function ownCpuS(): number {
  const pids = new Set([process.pid, ...treeOf(process.pid).map(({ pid }) => pid)])
  let sumS = 0
  for (const pid of pids) {
    const times = readProcessTimes(pid)
    if (times !== null) sumS += times.ownS + times.childrenS
  }
  return sumS
}
