/** What it costs to record one latency: our log buckets beside perf_hooks and the two builds of hdr-histogram-js. */
// Peers of this bench; the product itself knows hdr-histogram-js in kit/histogram.ts only.
import { build, initWebAssembly } from 'hdr-histogram-js'
import { createHistogram } from 'node:perf_hooks'
import { Histogram } from '../src/kit/histogram.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { interleaved } from './bench-row.ts'

const RECORDS = 5_000_000
const VALUES = 65_536
const BAR_NS = 6

/** Records this many values. */
type Records = (times: number) => void

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  await initWebAssembly()
  const ours = new Histogram()
  const native = createHistogram()
  const hdr = { lowestDiscernibleValue: 1, highestTrackableValue: 600_000_000 } as const
  const wasm = build({ ...hdr, numberOfSignificantValueDigits: 3, useWebAssembly: true })
  const script = build({ ...hdr, numberOfSignificantValueDigits: 3, bitBucketSize: 32 })
  const values = latencies()
  // A loop for each: one that is shared would call all four through the same site, which none of them meets in life.
  const recordOurs: Records = (times) => {
    for (let at = 0; at < times; at++) ours.record(values[at & (VALUES - 1)] ?? 0)
  }
  const peers: readonly (readonly [string, Records])[] = [
    [
      'perf_hooks',
      (times) => {
        for (let at = 0; at < times; at++) native.record(values[at & (VALUES - 1)] ?? 1)
      },
    ],
    [
      'hdr-histogram-js WASM',
      (times) => {
        for (let at = 0; at < times; at++) wasm.recordValue(values[at & (VALUES - 1)] ?? 1)
      },
    ],
    [
      'hdr-histogram-js',
      (times) => {
        for (let at = 0; at < times; at++) script.recordValue(values[at & (VALUES - 1)] ?? 1)
      },
    ],
  ]
  const rows: BenchRow[] = []
  for (const [peerName, peer] of peers) {
    options.signal.throwIfAborted()
    // Both are compiled before anything counts.
    nsPerCall(recordOurs)
    nsPerCall(peer)
    const compared = await interleaved(options.rounds, {
      ours: () => Promise.resolve(nsPerCall(recordOurs)),
      peer: () => Promise.resolve(nsPerCall(peer)),
    })
    rows.push({
      what: 'histogram record',
      ...compared,
      peerName,
      unit: 'ns CPU',
      bar: `≤ ${String(BAR_NS)} ns`,
      met: compared.ours <= BAR_NS,
      note: 'includes reading the value from an array and the call',
    })
  }
  return rows
}

/** Whole microseconds, since perf_hooks takes integers only: 1 µs to 22 ms, evenly on a log scale. */
function latencies(): Float64Array {
  let state = 12_345
  return Float64Array.from({ length: VALUES }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.ceil(Math.exp((state / 2 ** 32) * 10))
  })
}

function nsPerCall(records: Records): number {
  const before = process.cpuUsage()
  records(RECORDS)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1_000) / RECORDS
}
