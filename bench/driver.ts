/** The driver beside other load generators: CPU per request, evenness of arrivals, how late requests leave. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDriver } from '../src/drive/driver.ts'
import type { DriverJob, DriverResult } from '../src/drive/job.ts'
import { percentilesOf } from '../src/kit/histogram.ts'
import { compiledEntry } from '../src/kit/paths.ts'
import { EventPopulation } from '../src/scenario/scenario.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { interleaved, median } from './bench-row.ts'
import { rawClosedLoopUs } from './closed-loop.ts'
import { autocannonPeer } from './peers/autocannon.ts'
import { k6 } from './peers/k6.ts'
import { oha } from './peers/oha.ts'
import type { Peer, PeerLoad } from './peers/peer.ts'
import { wrk } from './peers/wrk.ts'

const CONNECTIONS = 64
const CLOSED_REQUESTS = 100_000
const FIXED_PER_S = 10_000
const PACED_PER_S = 5_000
const SECONDS = 6
const WARM_WINDOWS = 3
/** As in a run, whose warm-up is in no figure: a fresh process is late by milliseconds while it compiles. */
const PACED_WARMUP_S = 3
/** A peer that sends less than this share of what it was asked for is told on. */
const HELD_RATIO = 0.98
const FIXED_RATE = 'CPU per 100k requests at 10k/s, tick pacing'
const OURS_MAKES_EVENTS = 'ours makes each event afresh and keeps its outcome'
/** Our CPU as a share of theirs, at most. */
const CLOSED_LOOP_BARS: readonly (readonly [Peer, number])[] = [
  [wrk, 1.4],
  [oha, 0.9],
  [autocannonPeer, 0.7],
  [k6, 0.16],
]
const FIXED_RATE_BARS: readonly (readonly [Peer, number])[] = [
  [oha, 1.0],
  [k6, 0.2],
]
const BODY = JSON.stringify({ organization_id: '0b9d5a6e', padding: 'x'.repeat(500) })

interface Target extends AsyncDisposable {
  readonly url: URL
}

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  await using target = await startTarget()
  const rows: BenchRow[] = []
  for (const bench of [closedLoop, fixedRate, evenness, sendDelay]) {
    options.signal.throwIfAborted()
    rows.push(...(await bench(target, options)))
  }
  return rows
}

async function closedLoop(target: Target, options: BenchOptions): Promise<BenchRow[]> {
  const { url } = target
  const head = `POST /v1/events HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\n`
  const bytes = Buffer.from(`${head}content-length: ${String(BODY.length)}\r\n\r\n${BODY}`)
  const ours = (): Promise<number> =>
    rawClosedLoopUs({ url, connections: CONNECTIONS, requests: CLOSED_REQUESTS, bytes })
  await ours()
  const load = loadOf(target, options)
  const rows: BenchRow[] = []
  for (const [peer, bar] of CLOSED_LOOP_BARS) {
    const theirs = async (): Promise<number> => {
      const { cpuUs, requests } = await peer.closedLoop(load, CLOSED_REQUESTS)
      return cpuUs / requests
    }
    const what = `CPU per request, closed loop, ${String(CONNECTIONS)} connections`
    const made = { peer, bar, ours, theirs, what, unit: 'µs', note: '' }
    rows.push(await rowBeside(made, options))
  }
  return rows
}

/** 10,000 requests a second: what the whole driver process takes, making events and keeping outcomes included. */
async function fixedRate(target: Target, options: BenchOptions): Promise<BenchRow[]> {
  const ours = async (): Promise<number> => {
    const ratios: number[] = []
    const onWindow = (ratio: number): unknown => ratios.push(ratio)
    await drive(target.url, { pacing: 'tick', perS: FIXED_PER_S, onWindow })
    // A fresh process compiles in its first seconds, as a peer's start is not counted either. The last is the drain.
    return (median(ratios.slice(WARM_WINDOWS, -1)) / FIXED_PER_S) * 100_000
  }
  const load = loadOf(target, options)
  const rows: BenchRow[] = []
  for (const [peer, bar] of FIXED_RATE_BARS) {
    const { atRate } = peer
    if (atRate === null) continue
    let fewest = Infinity
    const theirs = async (): Promise<number> => {
      const { cpuUs, requests } = await atRate(load, { perS: FIXED_PER_S, seconds: SECONDS })
      fewest = Math.min(fewest, requests / (FIXED_PER_S * SECONDS))
      return (cpuUs / 1e6 / requests) * 100_000
    }
    const made = { peer, bar, ours, theirs, what: FIXED_RATE, unit: 'CPU-s' }
    const row = await rowBeside({ ...made, note: OURS_MAKES_EVENTS }, options)
    const held =
      fewest < HELD_RATIO ? `; ${peer.name} sent ${String(Math.round(fewest * 100))} %` : ''
    rows.push({ ...row, note: row.note + held })
  }
  return rows
}

interface Comparison {
  readonly peer: Peer
  /** Our share of theirs, at most. */
  readonly bar: number
  readonly ours: () => Promise<number>
  readonly theirs: () => Promise<number>
  readonly what: string
  readonly unit: string
  readonly note: string
}

async function rowBeside(made: Comparison, { rounds, log }: BenchOptions): Promise<BenchRow> {
  const { peer, bar, ours, theirs, what, unit } = made
  const isHere = peer.isInstalled()
  if (!isHere) log(`bench: ${peer.name} is not installed (${peer.install}): no ratio to it`)
  const compared = await interleaved(isHere ? rounds : 1, { ours, peer: isHere ? theirs : null })
  const notes = [isHere ? '' : `${peer.name} is not installed`, made.note, conditions()]
  return {
    what,
    ...compared,
    peerName: peer.name,
    unit,
    bar: `≤ ${String(bar)} × ${peer.name}`,
    met: compared.ratio === null ? null : compared.ratio.mid <= bar,
    note: notes.filter((note) => note !== '').join('; '),
  }
}

function loadOf({ url }: Target, { signal }: BenchOptions): PeerLoad {
  return { url: new URL('/v1/events', url), connections: CONNECTIONS, body: BODY, signal }
}

/** How far arrivals, seen by the server, lie from an even grid. */
async function evenness({ url }: Target, { rounds }: BenchOptions): Promise<BenchRow[]> {
  const distanceUs = async (pacing: 'metro' | 'tick'): Promise<number> => {
    await arrivalsAt(url)
    await drive(url, { pacing, perS: FIXED_PER_S })
    return gridDistanceUs(await arrivalsAt(url), 1_000 / FIXED_PER_S)
  }
  const compared = await interleaved(rounds, {
    ours: () => distanceUs('metro'),
    peer: () => distanceUs('tick'),
  })
  return [
    {
      what: 'evenness of arrivals at 10k/s, seen by the server, p50 (metro)',
      ...compared,
      peerName: '1 ms tick (wrk2, oha, vegeta and k6 are like it: 300 µs)',
      unit: 'µs from the grid',
      bar: '≤ 10 µs',
      met: compared.ours <= 10,
      note: conditions(),
    },
  ]
}

async function sendDelay({ url }: Target, { rounds }: BenchOptions): Promise<BenchRow[]> {
  const seen: Record<'p50' | 'p90' | 'p99', number[]> = { p50: [], p90: [], p99: [] }
  for (let round = 0; round < rounds; round++) {
    const result = await drive(url, { pacing: 'metro', perS: PACED_PER_S, warmupS: PACED_WARMUP_S })
    const delay = result.segments.map((segment) => percentilesOf(segment.sendDelay)).at(-1)
    for (const q of ['p50', 'p90', 'p99'] as const) seen[q].push(Number(delay?.[q] ?? NaN))
  }
  const bars = { p50: 10, p90: 20, p99: 500 } as const
  return (['p50', 'p90', 'p99'] as const).map((q) => ({
    what: `send delay at 5k/s, ${q} (metro)`,
    ours: median(seen[q]),
    peer: null,
    peerName: 'none: a 1 ms tick has 580, 1014, 1130 µs',
    unit: 'µs',
    ratio: null,
    bar: `≤ ${String(bars[q])} µs on a quiet machine`,
    met: median(seen[q]) <= bars[q],
    note: `behind ${String(PACED_WARMUP_S)} s of warm-up; rounds from ${Math.min(...seen[q]).toFixed(0)} to ${Math.max(...seen[q]).toFixed(0)}; ${conditions()}`,
  }))
}

async function drive(
  url: URL,
  how: {
    readonly pacing: 'metro' | 'tick'
    readonly perS: number
    readonly warmupS?: number
    readonly onWindow?: (driverCpuRatio: number) => void
  },
): Promise<DriverResult> {
  const dir = await mkdtemp(join(tmpdir(), 'headroom-bench-'))
  try {
    await using driver = await startDriver(jobOf(url, how, dir), {
      signal: AbortSignal.timeout(60_000),
      log: () => undefined,
      onWindow: ({ driverCpuRatio }) => how.onWindow?.(driverCpuRatio),
      onQuery: () => undefined,
    })
    driver.go(performance.timeOrigin + performance.now() + 200)
    return await driver.result
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function jobOf(
  url: URL,
  how: { readonly pacing: 'metro' | 'tick'; readonly perS: number; readonly warmupS?: number },
  dir: string,
): DriverJob {
  const { pacing, perS, warmupS = 0 } = how
  const rate = { fromPerS: perS, toPerS: perS }
  const warmup = { name: 'warm-up', kind: 'warmup', fromS: 0, toS: warmupS, ...rate } as const
  const toS = warmupS + SECONDS
  const events = EventPopulation.parse({})
  return {
    stream: { source: 'generated', shape: 'billing', seed: 1, events },
    eventEpochMs: Date.UTC(2026, 0, 1),
    segments: [
      ...(warmupS > 0 ? [warmup] : []),
      { name: 'bench', kind: 'measure', fromS: warmupS, toS, ...rate },
    ],
    recordedPace: null,
    spacing: 'even',
    seed: 1,
    batchEvents: 1,
    url: url.href,
    connections: CONNECTIONS,
    inFlightRequestsMax: 4_096,
    requestTimeoutMs: 10_000,
    client: 'raw',
    pacing,
    drainS: 5,
    queries: [],
    headers: {},
    outcomesFile: join(dir, 'outcomes.bin'),
    exceptionsFile: join(dir, 'exceptions.ndjson'),
  }
}

async function startTarget(): Promise<Target> {
  const child: ChildProcess = fork(compiledEntry('bench/answering-server.ts'), {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  if (child.stdout === null) throw new Error('assertion failed: the target prints its port')
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    url: new URL(`http://127.0.0.1:${line.toString().trim()}/`),
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await once(child, 'exit')
    },
  }
}

async function arrivalsAt(url: URL): Promise<readonly number[]> {
  const response = await fetch(new URL('/arrivals', url))
  return (await response.json()) as number[]
}

/** Median distance from the grid whose offset fits best. */
function gridDistanceUs(arrivalsMs: readonly number[], stepMs: number): number {
  const residues = arrivalsMs.map((atMs, k) => atMs - k * stepMs)
  const offset = median(residues)
  return median(residues.map((residue) => Math.abs(residue - offset))) * 1_000
}

function conditions(): string {
  return `load average ${(loadavg()[0] ?? 0).toFixed(1)}`
}
