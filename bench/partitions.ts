/**
 * The same rows by COPY into a plain table, into native partitions and into a hypertable, which take turns on one server.
 * Out: each beside the other with a goal of its own (docs/speed.md), and where one falls short, whether the time went into
 * CPU of the database or into waiting.
 */
import { findPackage } from '../src/engines/packages/installed.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { median } from './bench-row.ts'
import { startRig } from './bulk-rig.ts'
import type { ArmName, Loaded } from './partitions-arms.ts'
import { HOURS, chunksOf, loadArm } from './partitions-arms.ts'
import { untilQuiet, watchMachine } from './quiet-rounds.ts'

interface Goal {
  readonly ours: ArmName
  readonly peer: ArmName
  readonly reach: number
}

/** Written down before anything was measured: docs/speed.md. */
const CASES: readonly {
  readonly what: string
  readonly order: 'by-time' | 'scattered'
  readonly goals: readonly Goal[]
}[] = [
  {
    what: 'in order of time',
    order: 'by-time',
    goals: [
      { ours: 'partitions', peer: 'plain', reach: 0.85 },
      { ours: 'hypertable', peer: 'plain', reach: 0.7 },
      { ours: 'hypertable', peer: 'partitions', reach: 0.8 },
    ],
  },
  {
    what: `every COPY over ${String(HOURS)} hours`,
    order: 'scattered',
    goals: [
      { ours: 'partitions', peer: 'plain', reach: 0.7 },
      { ours: 'hypertable', peer: 'plain', reach: 0.55 },
      { ours: 'hypertable', peer: 'partitions', reach: 0.8 },
    ],
  },
]

const TABLES: Readonly<Record<ArmName, string>> = {
  plain: 'a plain table',
  partitions: `${String(HOURS)} native partitions`,
  hypertable: `a hypertable of ${String(HOURS)} chunks`,
}

type Round = Readonly<Partial<Record<ArmName, Loaded>>> & { readonly foreignCores: number | null }

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const { log, signal } = options
  const hasTimescale = findPackage('timescaledb') !== null
  if (!hasTimescale) {
    log('bench: partitions goes without its hypertable: headroom engines install timescaledb')
  }
  await using rig = await startRig('postgres', signal, hasTimescale ? ['timescaledb'] : [])
  const arms: readonly ArmName[] = ['plain', 'partitions', ...(hasTimescale ? HYPERTABLE : [])]
  const rows: BenchRow[] = []
  for (const { what, order, goals } of CASES) {
    const chunks = await chunksOf(order)
    const oneRound = async (index: number): Promise<Round> => {
      const loaded: Partial<Record<ArmName, Loaded>> = {}
      const watch = watchMachine()
      // Whoever goes first meets a colder machine; each does in its turn.
      const from = index % arms.length
      for (const arm of [...arms.slice(from), ...arms.slice(0, from)]) {
        loaded[arm] = await loadArm(rig.engine, { arm, chunks }, signal)
      }
      return { ...loaded, foreignCores: watch() }
    }
    await oneRound(0)
    const { counted, ...conditions } = await untilQuiet(options, oneRound)
    for (const goal of goals.filter(({ ours }) => arms.includes(ours))) {
      rows.push(rowOf(what, goal, { rounds: counted, ...conditions }))
    }
  }
  return rows
}

const HYPERTABLE = ['hypertable'] as const

function rowOf(
  what: string,
  { ours, peer, reach }: Goal,
  seen: {
    readonly rounds: readonly Round[]
    readonly quiet: boolean
    readonly conditions: string
  },
): BenchRow {
  const pairs = seen.rounds.map((round) => [loadedIn(round, ours), loadedIn(round, peer)] as const)
  const [own, theirs] = [
    middleOf(pairs.map(([loaded]) => loaded)),
    middleOf(pairs.map(([, loaded]) => loaded)),
  ]
  const ratios = pairs.map(([one, other]) => one.rowsPerS / other.rowsPerS)
  const ratio = { low: Math.min(...ratios), mid: median(ratios), high: Math.max(...ratios) }
  const notes = [
    ratio.mid < reach ? `the bottleneck: ${bottleneckOf(own, theirs)}` : null,
    `a row takes ${inWords(own)}; the peer’s ${inWords(theirs)}`,
    seen.conditions,
  ]
  return {
    what: `COPY of 1,000-row chunks, ${what}: ${TABLES[ours]}`,
    ours: own.rowsPerS,
    peer: theirs.rowsPerS,
    peerName: `${TABLES[peer]}, the same chunks`,
    unit: 'rows/s',
    ratio,
    bar: `≥ ${String(reach)} ×`,
    met: seen.quiet ? ratio.mid >= reach : null,
    note: notes.filter((note) => note !== null).join('; '),
  }
}

function loadedIn(round: Round, arm: ArmName): Loaded {
  const loaded = round[arm]
  if (loaded === undefined) throw new Error(`assertion failed: a round measured ${arm}`)
  return loaded
}

function middleOf(all: readonly Loaded[]): Loaded {
  return {
    rowsPerS: median(all.map(({ rowsPerS }) => rowsPerS)),
    cpuUsPerRow: median(all.map(({ cpuUsPerRow }) => cpuUsPerRow)),
    walBytesPerRow: median(all.map(({ walBytesPerRow }) => walBytesPerRow)),
  }
}

/** Where the time went that a row takes longer. */
function bottleneckOf(ours: Loaded, peer: Loaded): string {
  const longerUs = 1e6 / ours.rowsPerS - 1e6 / peer.rowsPerS
  const cpuUs = ours.cpuUsPerRow - peer.cpuUsPerRow
  const share = `${cpuUs.toFixed(1)} of the ${longerUs.toFixed(1)} µs that a row takes longer`
  return cpuUs >= longerUs / 2
    ? `CPU of the database, ${share}`
    : `waiting (a core, the disk, a lock); CPU of the database is only ${share}`
}

function inWords({ cpuUsPerRow, walBytesPerRow }: Loaded): string {
  return `${cpuUsPerRow.toFixed(1)} µs of the database’s CPU and ${walBytesPerRow.toFixed(0)} bytes of WAL`
}
