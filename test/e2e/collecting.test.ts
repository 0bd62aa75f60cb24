import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, describe, expect, it } from 'vitest'
import type { Part } from '../../src/architecture/part.ts'
import { startFreshness } from '../../src/collect/freshness.ts'
import { hostProbe } from '../../src/collect/host.ts'
import { findMetric } from '../../src/collect/metrics.ts'
import { memoryProbe } from '../../src/collect/parts.ts'
import { startSampler } from '../../src/collect/sampler.ts'
import { SummaryFold } from '../../src/collect/summary.ts'
import type { SegmentResult } from '../../src/drive/job.ts'
import type { EngineContext, StoringKind, StoringEngine } from '../../src/engines/engine.ts'
import { clientConfig } from '../../src/engines/postgres/connection.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { Scope } from '../../src/kit/scope.ts'
import { seriesLines } from '../../src/results/series.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-collecting-'))
chmodSync(base, 0o755)
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

const never = new AbortController().signal
const ORGANIZATION = '0190a8c0-0000-4000-8000-000000000001'
const BATCH_EVENTS = 50
const MEASURED_MS = 4_000

const TABLES = {
  postgres: `CREATE TABLE events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organization_id UUID NOT NULL,
    transaction_id TEXT NOT NULL, value DOUBLE PRECISION)`,
  clickhouse: `CREATE TABLE events (
    organization_id UUID, transaction_id String, value Nullable(Float64))
    ENGINE = MergeTree ORDER BY (organization_id, transaction_id)`,
} as const

const harness: Part = {
  name: 'harness',
  kind: 'harness',
  pids: () => [process.pid],
  fault: () => Promise.resolve(),
}

async function started(kind: StoringKind): Promise<StoringEngine> {
  const dataDir = join(base, kind)
  mkdirSync(dataDir, { recursive: true })
  const context: EngineContext = {
    dataDir,
    logDir: join(base, 'logs'),
    name: kind,
    runId: 'collecting',
    signal: never,
    log: () => undefined,
  }
  return await startEngine(kind, { provider: 'embedded', settings: {} }, context)
}

function insertOf(fromIndex: number): string {
  const rows = Array.from(
    { length: BATCH_EVENTS },
    (_, at) => `('${ORGANIZATION}', 'e${String(fromIndex + at)}', ${String(at / 64)})`,
  )
  return `INSERT INTO events (organization_id, transaction_id, value) VALUES ${rows.join(',')}`
}

interface Collected {
  readonly acks: ReadonlyMap<number, number>
  readonly seen: ReadonlyMap<number, number>
  readonly freshness: Awaited<ReturnType<Awaited<ReturnType<typeof startFreshness>>['stop']>>
  readonly sampler: Awaited<ReturnType<Awaited<ReturnType<typeof startSampler>>['stop']>>
  readonly segment: SegmentResult
  readonly file: string
  readonly logged: readonly string[]
  readonly drained: boolean
}

/** Inserts batches for some seconds while everything watches that watches a run. */
async function collectedFrom(
  engine: StoringEngine,
  insert: (sql: string) => Promise<unknown>,
): Promise<Collected> {
  const epochMs = systemClock.nowMs() + 300
  const nowMs = (): number => systemClock.nowMs() - epochMs
  const file = join(base, `${engine.kind}.ndjson`)
  const logged: string[] = []
  const log = (line: string): void => {
    logged.push(line)
  }
  const acks = new Map<number, number>()
  const seen = new Map<number, number>()
  await using scope = new Scope()
  const freshness = scope.use(
    await startFreshness({
      store: engine.eventsStore({
        name: `${engine.kind}.events`,
        table: 'events',
        readable: 'events',
      }),
      stream: { indexOf: (_, id) => Number(id.slice(1)), canonicalOf: (index) => index },
      seenLog: { seen: (index, atMs) => seen.set(index, atMs) },
      epochMs,
      signal: never,
      log,
    }),
  )
  const parts = (): readonly Part[] => [...engine.parts, harness]
  const sampler = scope.use(
    await startSampler({
      probes: [
        ...engine.probes,
        freshness.probe,
        hostProbe({ parts, dataDir: base, intervalMs: 500, log }),
        memoryProbe(parts, log),
      ],
      epochMs,
      file,
      signal: never,
      log,
    }),
  )
  await delay(Math.max(0, -nowMs()) + 1_000)
  const fromMs = nowMs()
  let next = 0
  while (nowMs() < fromMs + MEASURED_MS) {
    await insert(insertOf(next))
    for (let at = 0; at < BATCH_EVENTS; at += 1) acks.set(next + at, nowMs())
    next += BATCH_EVENTS
    freshness.acknowledged(next, nowMs())
    await delay(15)
  }
  const toMs = nowMs()
  const drained = await freshness.drain({ acknowledgedEvents: next, dueEvents: next, drainS: 20 })
  await delay(1_200)
  const counts = { accepted: next, duplicate: 0, rejected: 0, shed: 0, unknown: 0, dropped: 0 }
  const none = { hdr: '', count: 0, infinite: 0 }
  const segment: SegmentResult = {
    name: 'all',
    kind: 'measure',
    fromMs,
    toMs,
    dueEvents: next,
    counts,
    latencyAll: none,
    latencyAccepted: none,
    sendDelay: none,
    serviceTime: none,
    waitedRequests: 0,
    requests: next / BATCH_EVENTS,
  }
  const stoppedFreshness = await freshness.stop()
  const stoppedSampler = await sampler.stop()
  return {
    acks,
    seen,
    freshness: stoppedFreshness,
    sampler: stoppedSampler,
    segment,
    file,
    logged,
    drained,
  }
}

async function figuresOf({ file, segment }: Collected): Promise<{
  readonly figures: Readonly<Record<string, number>>
  readonly keys: ReadonlySet<string>
}> {
  const fold = new SummaryFold({ segments: [segment], slos: [] })
  const keys = new Set<string>()
  for await (const line of seriesLines(file)) {
    fold.add(line)
    for (const key of Object.keys(line.v)) keys.add(key)
  }
  return { figures: fold.finish().steps[0] ?? {}, keys }
}

/** What must be true whatever the engine. */
async function expectWhole(
  engine: StoringEngine,
  found: Collected,
): Promise<Record<string, number>> {
  const { figures, keys } = await figuresOf(found)
  for (const key of keys) expect(findMetric(key), key).toBeDefined()
  for (const probe of found.sampler.probes) expect(probe).toMatchObject({ failures: 0 })
  expect(found.sampler.series).toMatchObject({ droppedLines: 0, failure: null })
  expect(found.logged.filter((line) => line.includes('failed'))).toEqual([])

  const events = found.acks.size
  expect(found.drained).toBe(true)
  expect(found.freshness).toMatchObject({ seenEvents: events, failures: 0, foreignIds: 0 })
  // A row is readable before its insert is acknowledged, so it is seen at most one poll after the acknowledgement.
  for (const [index, ackMs] of found.acks) {
    const seenMs = found.seen.get(index) ?? Infinity
    expect(seenMs - ackMs).toBeLessThanOrEqual(found.freshness.resolutionMs + 1)
  }

  const part = engine.parts[0]?.name ?? ''
  expect(figures[`cpu.cores{${part}}`]).toBeGreaterThan(0)
  expect(figures[`cpu.msPer1000Events{${part}}`]).toBeCloseTo(
    ((figures[`cpu.cores{${part}}`] ?? 0) * 1e6) / (figures['rate.acceptedEventsPerS'] ?? NaN),
    3,
  )
  expect(figures[`memory.bytes{${part}}`]).toBeGreaterThan(2 ** 20)
  expect(figures[`rate.storedEventsPerS{${engine.kind}.events}`]).toBeGreaterThan(0)
  expect(figures['probe.cpuCores']).toBeGreaterThan(0)
  return { ...figures }
}

describe('collecting beside a running engine', () => {
  it('follows PostgreSQL: WAL as the server counts it, freshness within a poll, CPU and memory', async () => {
    await using scope = new Scope()
    const engine = scope.use(await started('postgres'))
    if (engine.kind !== 'postgres') throw new Error('another engine was asked for')
    await engine.control.execute(TABLES.postgres, never)
    await engine.control.checkpoint(never)
    const address = (engine as StoringEngine<'postgres'>).addressFor('harness')
    const client = new pg.Client(clientConfig(address))
    await client.connect()
    scope.defer(() => client.end())
    const walBytes = async (): Promise<number> => {
      const sql = `SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes`
      const { rows } = await client.query<{ bytes: string }>(sql)
      return Number(rows[0]?.bytes)
    }
    const before = await walBytes()
    const found = await collectedFrom(engine, (sql) => client.query(sql))
    const written = (await walBytes()) - before

    const figures = await expectWhole(engine, found)
    // Hardly anything is written before and after the measured seconds.
    expect((figures['wal.bytes'] ?? 0) / written).toBeGreaterThan(0.85)
    expect((figures['wal.bytes'] ?? 0) / written).toBeLessThan(1.05)
    expect(figures['wal.bytesPerEvent']).toBeGreaterThan(50)
    expect(figures['wal.bytesPerEvent']).toBeLessThan(1_000)
    expect(figures).toHaveProperty('checkpoint.requested')
  })

  it('follows ClickHouse: parts per insert, freshness within a poll, CPU and memory', async () => {
    await using scope = new Scope()
    const engine = scope.use(await started('clickhouse'))
    await engine.control.execute(TABLES.clickhouse, never)
    const found = await collectedFrom(engine, (sql) => engine.control.execute(sql, never))
    const figures = await expectWhole(engine, found)
    // One part per insert of one partition; the server's own logs add some.
    expect(figures['parts.perInsert']).toBeGreaterThan(0.8)
    expect(figures['parts.perInsert']).toBeLessThan(2)
    expect(figures['parts.active{events}']).toBeGreaterThan(0)
  })
})
