/**
 * How soon rows are visible on a streaming replica after their commit was acknowledged on the primary. In: two rates. Out:
 * p50 and p99 beside a goal of their own (docs/speed.md); there is no peer. Where a goal is missed, the stage that took
 * longest, as the primary sees it, is named.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { clientConfig } from '../reference-impl/service-kit/postgres/connection.ts'
import { applySchema } from '../reference-impl/service-kit/schema-script.ts'
import type { EngineContext, RunningEngine } from '../src/engines/engine.ts'
import { startEngine } from '../src/engines/registry.ts'
import { silentLog } from '../src/kit/log.ts'
import { Scope } from '../src/kit/scope.ts'
import { BILLING_COLUMNS } from '../src/shapes/billing/columns.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { median } from './bench-row.ts'
import { quietRounds } from './quiet-rounds.ts'
import { benchStream, copyChunks } from './rows.ts'

interface Case {
  readonly rowsPerS: number
  readonly p50MsMax: number
  readonly p99MsMax: number
}

/** Written before anything was measured: docs/speed.md. */
const CASES: readonly Case[] = [
  { rowsPerS: 5_000, p50MsMax: 5, p99MsMax: 25 },
  { rowsPerS: 50_000, p50MsMax: 15, p99MsMax: 75 },
]
const BATCHES_PER_S = 50
const SECONDS = 20
/** Ten batches lie beyond a percentile: a p99 of fewer than 1,000 is one of the few latest. */
const SAMPLES_MIN = { p50: 20, p99: 1_000 } as const
const WARM_SECONDS = 1
const LOOK_EVERY_MS = 1
const STAGES_EVERY_MS = 100
/** A writer that falls behind its rate by more measures itself. */
const RATE_KEPT = 0.95
const COPY = `COPY events (${BILLING_COLUMNS.copy.join(', ')}) FROM STDIN`

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  await using scope = new Scope()
  const dir = await mkdtemp(join(tmpdir(), 'headroom-bench-'))
  scope.defer(() => rm(dir, { recursive: true, force: true }))
  const start = async (name: string, upstream?: RunningEngine): Promise<RunningEngine> => {
    const dataDir = join(dir, name)
    await mkdir(dataDir)
    const { signal } = options
    const made = { name, dataDir, logDir: dir, runId: 'bench', signal, log: silentLog }
    const context: EngineContext = made
    const settings = { max_wal_size: '4GB' }
    return scope.use(
      await startEngine(
        'postgres',
        { provider: 'embedded', settings, ...(upstream === undefined ? {} : { upstream }) },
        context,
      ),
    )
  }
  const primary = await start('primary')
  const replica = await start('replica', primary)
  const { signal } = options
  await applySchema(primary, 'service-kit/postgres/events.sql', { variant: 'default', signal })
  const rows: BenchRow[] = []
  for (const one of CASES) rows.push(...(await rowsOf(one, { primary, replica, options })))
  return rows
}

interface Rig {
  readonly primary: RunningEngine
  readonly replica: RunningEngine
  readonly options: BenchOptions
}

async function rowsOf(one: Case, rig: Rig): Promise<readonly BenchRow[]> {
  const measured: Visible[] = []
  const { quiet, conditions } = await quietRounds(rig.options, {
    ours: async () => {
      const visible = await measure(one, rig)
      measured.push(visible)
      return visible.p99Ms
    },
    peer: null,
  })
  const ratePerS = median(measured.map((round) => round.ratePerS))
  const kept = ratePerS >= one.rowsPerS * RATE_KEPT
  const batches = Math.min(...measured.map((round) => round.batches))
  const row = (point: 'p50' | 'p99', ours: number, max: number): BenchRow => ({
    what: `visible on a replica at ${one.rowsPerS.toLocaleString('en-US')} rows/s, ${point}`,
    ours,
    peer: null,
    peerName: '–',
    unit: 'ms',
    ratio: null,
    bar: `≤ ${max} ms`,
    met: quiet && kept && batches >= SAMPLES_MIN[point] ? ours <= max : null,
    note: [
      `${batches.toLocaleString('en-US')} batches of ${one.rowsPerS / BATCHES_PER_S} rows a round`,
      kept
        ? null
        : `the writer reached ${Math.round(ratePerS).toLocaleString('en-US')} rows/s only`,
      ours <= max ? null : `the bottleneck: ${slowestStage(measured)}`,
      conditions,
    ]
      .filter((note) => note !== null)
      .join('; '),
  })
  return [
    row('p50', median(measured.map(({ p50Ms }) => p50Ms)), one.p50MsMax),
    row('p99', median(measured.map(({ p99Ms }) => p99Ms)), one.p99MsMax),
  ]
}

/** Of pg_stat_replication, ms behind the primary's own flush. */
interface Stages {
  readonly writeMs: number
  readonly flushMs: number
  readonly replayMs: number
}

interface Visible {
  readonly p50Ms: number
  readonly p99Ms: number
  /** What the percentiles are of. */
  readonly batches: number
  readonly ratePerS: number
  readonly stages: readonly Stages[]
}

function slowestStage(rounds: readonly Visible[]): string {
  const stages = rounds.flatMap((round) => round.stages)
  if (stages.length === 0) return 'not known: the primary reported no lag'
  const shares = [
    ['sending and writing', median(stages.map(({ writeMs }) => writeMs))],
    ['flushing on the replica', median(stages.map(({ flushMs, writeMs }) => flushMs - writeMs))],
    ['replay, one process', median(stages.map(({ replayMs, flushMs }) => replayMs - flushMs))],
  ] as const
  const [name, ms] = shares.reduce((most, next) => (next[1] > most[1] ? next : most))
  return `${name} (${ms.toFixed(1)} ms in the middle)`
}

interface Batch {
  readonly lastId: number
  readonly ackedMs: number
}

async function measure({ rowsPerS }: Case, { primary, replica, options }: Rig): Promise<Visible> {
  const { signal } = options
  await primary.control.execute('TRUNCATE events RESTART IDENTITY', signal)
  await primary.control.checkpoint(signal)
  await using scope = new Scope()
  const [writer, watcher, reader] = await Promise.all(
    [primary, primary, replica].map(async (engine) => {
      const client = new pg.Client(clientConfig(addressOf(engine), 'bench'))
      await client.connect()
      scope.defer(() => client.end())
      return client
    }),
  )
  if (writer === undefined || watcher === undefined || reader === undefined)
    throw new Error('three sessions were opened')
  const batchRows = rowsPerS / BATCHES_PER_S
  const batches = BATCHES_PER_S * (WARM_SECONDS + SECONDS)
  const chunks = copyChunks(await benchStream(1), batches * batchRows, batchRows)
  const acked: Batch[] = []
  const over = new AbortController()
  const stages = watchStages(watcher, over.signal)
  const lags = watchReplica(reader, { acked, batches, signal })
  const startedMs = performance.now()
  for (let sent = 0; sent < batches; sent++) {
    signal.throwIfAborted()
    const dueMs = startedMs + (sent * 1_000) / BATCHES_PER_S
    const early = dueMs - performance.now()
    if (early > 0) await delay(early)
    // Made only now: the reader of the last batch shares this thread.
    const batch = chunks.next()
    if (batch.done === true) throw new Error('fewer rows were made than batches need')
    await copyBatch(writer, batch.value)
    // One writer, nothing refused: identities follow each other.
    acked.push({ lastId: (sent + 1) * batchRows, ackedMs: performance.now() })
  }
  const ratePerS = (batches * batchRows * 1_000) / (performance.now() - startedMs)
  const sorted = (await lags).slice(BATCHES_PER_S * WARM_SECONDS).toSorted((a, b) => a - b)
  over.abort()
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return {
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    batches: sorted.length,
    ratePerS,
    stages: await stages,
  }
}

function addressOf(engine: RunningEngine): Parameters<typeof clientConfig>[0] {
  return engine.addressFor('harness') as Parameters<typeof clientConfig>[0]
}

function copyBatch(client: pg.Client, rows: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = client.query(copyFrom(COPY))
    sink.once('error', reject).once('finish', resolve)
    sink.end(rows)
  })
}

/** Resolves when every batch was seen: for each, how long after its acknowledgement. */
async function watchReplica(
  reader: pg.Client,
  wanted: {
    readonly acked: readonly Batch[]
    readonly batches: number
    readonly signal: AbortSignal
  },
): Promise<readonly number[]> {
  const lags: number[] = []
  while (lags.length < wanted.batches) {
    wanted.signal.throwIfAborted()
    const { rows } = await reader.query<{ last: string | null }>(
      'SELECT max(id) AS last FROM events',
    )
    const nowMs = performance.now()
    const last = Number(rows[0]?.last ?? 0)
    for (;;) {
      const next = wanted.acked[lags.length]
      if (next === undefined || next.lastId > last) break
      lags.push(Math.max(0, nowMs - next.ackedMs))
    }
    await delay(LOOK_EVERY_MS)
  }
  return lags
}

async function watchStages(watcher: pg.Client, signal: AbortSignal): Promise<readonly Stages[]> {
  const stages: Stages[] = []
  while (!signal.aborted) {
    const { rows } = await watcher.query<Stages>(
      `SELECT extract(epoch FROM write_lag)::float8 * 1000 AS "writeMs",
              extract(epoch FROM flush_lag)::float8 * 1000 AS "flushMs",
              extract(epoch FROM replay_lag)::float8 * 1000 AS "replayMs"
         FROM pg_stat_replication WHERE replay_lag IS NOT NULL AND flush_lag IS NOT NULL`,
    )
    stages.push(...rows)
    await delay(STAGES_EVERY_MS)
  }
  return stages
}
