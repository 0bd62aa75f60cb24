/** One line of `npm run bench`: what we do, what the peer does in the same interleaved run, and the bar to reach. */
export interface BenchRow {
  readonly what: string
  /** Median of our rounds, in `unit`. */
  readonly ours: number
  /** Median of the peer's rounds; null where the peer is not installed. */
  readonly peer: number | null
  readonly peerName: string
  readonly unit: string
  /** Round by round ratio ours ÷ peer: lowest, median, highest; null without a peer. */
  readonly ratio: { readonly low: number; readonly mid: number; readonly high: number } | null
  /** The bar in words, from docs/speed.md. */
  readonly bar: string
  /** null: it could not be compared here. */
  readonly met: boolean | null
  readonly note: string
}

/** A suite runs its own interleaved rounds and cleans up after itself. */
export type BenchSuite = (options: BenchOptions) => Promise<readonly BenchRow[]>

export interface BenchOptions {
  /** Interleaved rounds of ours and the peer. */
  readonly rounds: number
  readonly signal: AbortSignal
  readonly log: (line: string) => void
}

/** Runs ours and the peer's in turn, so that drift of the machine hits both; pairs round by round. */
export async function interleaved(
  rounds: number,
  {
    ours,
    peer,
  }: { readonly ours: () => Promise<number>; readonly peer: (() => Promise<number>) | null },
): Promise<Pick<BenchRow, 'ours' | 'peer' | 'ratio'>> {
  const pairs: { ours: number; peer: number | null }[] = []
  for (let round = 0; round < rounds; round++) {
    // A B, then B A: whoever goes first meets a colder machine half of the time only.
    if (round % 2 === 0 || peer === null) {
      const own = await ours()
      pairs.push({ ours: own, peer: peer === null ? null : await peer() })
    } else {
      const theirs = await peer()
      pairs.push({ ours: await ours(), peer: theirs })
    }
  }
  const ratios = pairs.flatMap((pair) => (pair.peer === null ? [] : [pair.ours / pair.peer]))
  const peers = pairs.flatMap((pair) => (pair.peer === null ? [] : [pair.peer]))
  return {
    ours: median(pairs.map((pair) => pair.ours)),
    peer: peers.length === 0 ? null : median(peers),
    ratio:
      ratios.length === 0
        ? null
        : { low: Math.min(...ratios), mid: median(ratios), high: Math.max(...ratios) },
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  if (middle === undefined) throw new Error('a median needs a value')
  return sorted.length % 2 === 1 ? middle : (middle + (sorted[sorted.length / 2] ?? middle)) / 2
}
