import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { STAGING_WATCH_CONNECTIONS } from '../../reference-impl/service-kit/eav/staging-watch.ts'
import { WATCH_CONNECTIONS } from '../../reference-impl/service-kit/outbox/ingest.ts'
import { RECEIVER_CONNECTIONS } from '../../reference-impl/service-kit/outbox/receiver-schema.ts'
import { READ_CONNECTIONS } from '../../reference-impl/service-kit/postgres/connection.ts'
import { SIZES_EVERY_MS } from '../../src/engines/postgres/probes.ts'
import { evidenceOf } from '../../src/judge/evidence.ts'
import { FIXED_CONNECTIONS } from '../../src/judge/formulas/connections.ts'
import { TABLES_EVERY_S } from '../../src/judge/formulas/dead-rows.ts'
import type { FormulaFinding } from '../../src/judge/formulas/finding.ts'
import { formulaFindings } from '../../src/judge/formulas/formulas.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import type { Measured, RunRecord, Step } from '../../src/results/record.ts'
import { studyFixture } from '../fixtures/study.ts'

/** Over 20 s at 1,000 events/s: a row of 200 bytes each, its outbox row inserted, updated twice and deleted. */
const METRICS: Readonly<Record<string, number>> = {
  'rate.acceptedEventsPerS': 1_000,
  'wal.bytesPerS': 2e6,
  'wal.bytesPerEvent': 1_300,
  'wal.totalBytesPerEvent': 2_000,
  'store.heapBytesPerEvent{postgres.events}': 200,
  'table.insertedRowsPerEvent{events}': 1,
  'table.updatedRowsPerEvent{events}': 0,
  'table.insertedRowsPerEvent{outbox}': 1,
  'table.updatedRowsPerEvent{outbox}': 1.9,
  'table.deletedRowsPerEvent{outbox}': 0.1,
  'table.liveRows{outbox}': 10_000,
  'table.liveRows{events}': 50_000,
  'table.deadRows{events}': 0,
  'table.heapBytes{events}': 200 * 50_000,
  'table.unloggedRatio{events}': 0,
  'table.deadRows{outbox}': 2_000,
  'table.heapBytes{outbox}': 100 * 12_000,
  'table.unloggedRatio{outbox}': 0,
  'table.vacuumThresholdRows{outbox}': 2_100,
  'table.autovacuums{outbox}': 3,
  'checkpoint.requested': 2,
  'checkpoint.timed': 0,
}

interface Change {
  readonly metrics?: Readonly<Record<string, number | undefined>>
  readonly worst?: Readonly<Record<string, number>>
  readonly settings?: Readonly<Record<string, string>>
  readonly architecture?: Readonly<Record<string, unknown>>
  /** Of the architecture. */
  readonly id?: string
  readonly freeBytes?: number
  readonly provider?: RunRecord['engines'][number]['provider']
  readonly checkpoints?: Measured['checkpoints']
  /** Of every measured step. */
  readonly counts?: Pick<Step['counts'], 'accepted' | 'duplicate'>
}

function findings(change: Change = {}, targets = ['pg-direct']): readonly FormulaFinding[] {
  const { study, runs } = studyFixture({
    targets,
    ratesPerS: [1_000],
    stepS: 20,
    spreadRatio: 0,
    tweak: (run) => tweaked(run, change),
  })
  return formulaFindings(
    study,
    targets.map((target) => evidenceOf(target, runs)),
  )
}

function tweaked(run: RunRecord, change: Change): RunRecord {
  if (run.outcome.state !== 'completed') throw new Error('the fixture completes')
  const { measured, audit } = run.outcome
  const metrics = Object.fromEntries(
    Object.entries({ ...METRICS, ...change.metrics }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    ),
  )
  const changed: Measured = {
    ...measured,
    steps: measured.steps.map((step) =>
      step.kind === 'warmup' ? step : { ...step, counts: { ...step.counts, ...change.counts } },
    ),
    metrics,
    worst: { 'sessions.open': 20, 'table.deadRows{outbox}': 5_000, ...change.worst },
    checkpoints: change.checkpoints ?? [
      { atMs: 3_000, reason: 'start' },
      { atMs: 13_000, reason: 'labelled' },
    ],
  }
  return {
    ...run,
    architecture: {
      ...run.architecture,
      id: change.id ?? run.architecture.id,
      settings: { connections: 16, ...change.architecture },
    },
    engines: run.engines.map((engine) => ({
      ...engine,
      version: '18.4',
      provider: change.provider ?? engine.provider,
      settings: { max_connections: '200', ...change.settings },
    })),
    machine:
      change.freeBytes === undefined
        ? run.machine
        : { ...run.machine, dataDiskFreeBytes: change.freeBytes },
    outcome: { state: 'completed', measured: changed, audit },
  }
}

function one(id: string, change: Change = {}): FormulaFinding {
  const found = findings(change).find((finding) => finding.id === id)
  if (found === undefined) throw new Error(`no ${id}`)
  return found
}

describe('F1, dead rows from which autovacuum comes', () => {
  it('is the threshold by the table’s own parameters beside the dead rows where it came', () => {
    const found = one('F1')
    expect(found).toMatchObject({ predicted: 2_100, measured: 5_000, verdict: 'held' })
    expect(found.inputs).toContain('at most 100,000,000, would make it 2,050')
    // 2 dead rows for each of 1,000 events/s, in a minute.
    expect(found.because).toContain('a naptime of 60 s make 122,100')
  })

  it('holds for a table with parameters of its own, which PostgreSQL follows', () => {
    const tuned = one('F1', { metrics: { 'table.vacuumThresholdRows{outbox}': 200 } })
    expect(tuned).toMatchObject({ predicted: 200, measured: 5_000, verdict: 'held' })
  })

  it('is not tested where autovacuum never came', () => {
    const found = one('F1', { metrics: { 'table.autovacuums{outbox}': 0 } })
    expect(found).toMatchObject({ predicted: 2_100, measured: null, verdict: 'not-tested' })
    expect(found.because).toContain('no visit in 20 s; dead rows peaked at 5,000')
  })

  it('does not hold where more gathered than a naptime explains', () => {
    const found = one('F1', { worst: { 'table.deadRows{outbox}': 200_000 } })
    expect(found).toMatchObject({ measured: 200_000, verdict: 'did-not-hold' })
  })

  it('knows how often tables are looked at', () => {
    expect(TABLES_EVERY_S).toBe(SIZES_EVERY_MS / 1_000)
  })

  it('is not tested on partitions, to each of which autovacuum comes by itself', () => {
    expect(one('F1', { metrics: { 'partition.count{outbox}': 3 } }).because).toContain('partition')
  })

  it('takes the steps in which it came, never the peak of another', () => {
    const { study, runs } = studyFixture({
      targets: ['pg-direct'],
      ratesPerS: [1_000, 2_000],
      stepS: 20,
      spreadRatio: 0,
      tweak: (run) => {
        const changed = tweaked(run, {})
        if (changed.outcome.state !== 'completed') throw new Error('the fixture completes')
        const { measured } = changed.outcome
        const steps = measured.steps.map((step): Step => {
          const came = step.targetPerS === 1_000
          const metrics = { ...METRICS, 'table.autovacuums{outbox}': came ? 1 : 0 }
          return { ...step, metrics, worst: { 'table.deadRows{outbox}': came ? 3_000 : 900_000 } }
        })
        return { ...changed, outcome: { ...changed.outcome, measured: { ...measured, steps } } }
      },
    })
    const found = formulaFindings(study, [evidenceOf('pg-direct', runs)])
    expect(found.find(({ id }) => id === 'F1')).toMatchObject({ measured: 3_000, verdict: 'held' })
  })

  it('is left out for tables that are only appended to, as F13 is', () => {
    const ids = findings({
      metrics: {
        'table.updatedRowsPerEvent{outbox}': 0.001,
        'table.deletedRowsPerEvent{outbox}': 0,
      },
    }).map(({ id }) => id)
    expect(ids).not.toContain('F1')
    expect(ids).not.toContain('F13')
    expect(ids).toContain('F2')
  })
})

describe('F1, where fewer dead rows were seen than the threshold', () => {
  /** 200,050 dead rows bring it, and 201,000 inserted ones. */
  const seen = (dead: number, inserted: number, change: Change = {}): FormulaFinding =>
    one('F1', {
      ...change,
      metrics: { 'table.liveRows{outbox}': 1e6, 'table.vacuumThresholdRows{outbox}': 200_050 },
      worst: { 'table.deadRows{outbox}': dead, 'table.insertsSinceVacuum{outbox}': inserted },
    })

  it('does not hold, where inserts cannot have brought it', () => {
    // 2 for each of 1,000 events/s gather in the 5 s between two looks.
    const found = seen(100_000, 100_000)
    expect(found).toMatchObject({ predicted: 200_050, measured: 100_000, verdict: 'did-not-hold' })
    expect(found.because).toContain('at most 110,000 with what gathers in the 5 s')
    // As many as the threshold alone, without the share of live rows, are too few.
    expect(seen(100_000, 1_200).verdict).toBe('did-not-hold')
    const off = { settings: { autovacuum_vacuum_insert_threshold: '-1' } }
    expect(seen(100_000, 300_000, off).verdict).toBe('did-not-hold')
  })

  it('is not tested where inserts may have brought it, by what was seen and 5 s more', () => {
    expect(seen(100_000, 195_000).verdict).toBe('did-not-hold')
    expect(seen(100_000, 197_000)).toMatchObject({ measured: null, verdict: 'not-tested' })
    const flat = { settings: { autovacuum_vacuum_insert_scale_factor: '0' } }
    expect(seen(100_000, 1_200, flat).verdict).toBe('not-tested')
  })

  it('holds where what gathers between two looks makes up for it', () => {
    expect(seen(145_000, 100_000)).toMatchObject({ measured: 145_000, verdict: 'held' })
  })

  it('reckons with events that were there already, which leave no dead row', () => {
    // 500 events/s are new, so 5,000 more rows at most: 150,000 of 150,037.
    const counts = { accepted: 10_000, duplicate: 10_000 }
    expect(seen(145_000, 100_000, { counts }).verdict).toBe('did-not-hold')
  })
})

describe('F2, WAL per event', () => {
  /** Delivered rows are marked, and no vacuum has been there: the heap holds every version. */
  const MARKED = {
    'table.updatedRowsPerEvent{outbox}': 2,
    'table.deletedRowsPerEvent{outbox}': 0,
    'table.autovacuums{outbox}': 0,
  }

  it('takes every statement of every table at the bytes of its own rows, without full-page images', () => {
    const found = one('F2', { metrics: { ...MARKED, 'wal.bytesPerEvent': 800 } })
    expect(found.predicted).toBeCloseTo(200 * 1.2 + 100 * (1.2 + 2 * 2), 6)
    expect(found).toMatchObject({ measured: 800, verdict: 'held' })
  })

  it('is not tested where rows come and go, for the heap does not tell their bytes', () => {
    // Not the sum of the tables whose rows are known: it would pass for all of them.
    const found = one('F2')
    expect(found).toMatchObject({ predicted: null, measured: 1_300, verdict: 'not-tested' })
    expect(found.because).toContain('rows of outbox come and go')
    expect(found.because).toContain('nothing is predicted')
    const visited = one('F2', { metrics: { ...MARKED, 'table.autovacuums{outbox}': 1 } })
    expect(visited.verdict).toBe('not-tested')
  })

  it('takes nothing of what goes to UNLOGGED tables', () => {
    const staged = { ...MARKED, 'table.unloggedRatio{outbox}': 1, 'wal.bytesPerEvent': 250 }
    const found = one('F2', { metrics: staged })
    expect(found).toMatchObject({ predicted: 240, measured: 250, verdict: 'held' })
    expect(found.inputs).toContain('outbox is UNLOGGED')
    // Whose rows come and go is of no concern where none of them is in the WAL.
    const emptied = { 'table.unloggedRatio{outbox}': 1, 'wal.bytesPerEvent': 250 }
    expect(one('F2', { metrics: emptied }).verdict).toBe('held')
  })

  it('holds for UNLOGGED tables alone where hardly any WAL is left', () => {
    const none = { 'table.unloggedRatio{outbox}': 1, 'table.unloggedRatio{events}': 1 }
    const commits = one('F2', { metrics: { ...none, 'wal.bytesPerEvent': 20 } })
    expect(commits).toMatchObject({ predicted: 0, measured: 20, verdict: 'held' })
    const emptied = {
      ...none,
      'table.autovacuums{events}': 1,
      'table.updatedRowsPerEvent{events}': 1,
    }
    expect(one('F2', { metrics: emptied }).verdict).toBe('not-tested')
    const logged = one('F2', { metrics: { ...none, 'wal.bytesPerEvent': 800 } })
    expect(logged.verdict).toBe('did-not-hold')
  })

  it('is not tested by a record of before tables were sized', () => {
    const old = { 'table.heapBytes{events}': undefined, 'table.unloggedRatio{events}': undefined }
    const found = one('F2', { metrics: { ...MARKED, ...old } })
    expect(found).toMatchObject({ predicted: null, measured: 1_300, verdict: 'not-tested' })
    const unsaid = { ...MARKED, 'table.unloggedRatio{outbox}': undefined }
    expect(one('F2', { metrics: unsaid })).toMatchObject({
      predicted: null,
      because: 'the record does not say whether outbox is UNLOGGED',
    })
  })

  it('is not tested by a run too short to count rows exactly', () => {
    const { study, runs } = studyFixture({
      targets: ['pg-direct'],
      ratesPerS: [1_000],
      stepS: 5,
      tweak: (run) => tweaked(run, { metrics: MARKED }),
    })
    const found = formulaFindings(study, [evidenceOf('pg-direct', runs)])
    expect(found.find(({ id }) => id === 'F2')).toMatchObject({
      predicted: 760,
      verdict: 'not-tested',
      because: 'a run of 5 s is too short to count rows exactly',
    })
  })

  it('is left out where rows were not counted', () => {
    const metrics = {
      'table.insertedRowsPerEvent{events}': undefined,
      'table.insertedRowsPerEvent{outbox}': undefined,
    }
    expect(findings({ metrics }).map(({ id }) => id)).not.toContain('F2')
  })
})

describe('F3, connections', () => {
  it('counts a service without workers as one, and holds while no more are open', () => {
    // 16 that write, 4 that read, 10 administrators, and a fifth of that.
    expect(one('F3')).toMatchObject({ predicted: 36, measured: 20, verdict: 'held' })
    expect(one('F3', { worst: { 'sessions.open': 40 } }).verdict).toBe('did-not-hold')
  })

  const architecture = { workers: 10, concurrency: 4 }

  it('counts workers × concurrency, a listener for each, and what the service has open', () => {
    const found = one('F3', { architecture })
    // 40 + 10 + 10, and 16 + 4 + 2 of the service.
    expect(found.predicted).toBe(99)
    expect(found.inputs).toContain('10 × 4 + 10 + 10, and 22 of the service')
    expect(found.because).toContain('max_connections suffices')
  })

  it('counts no listeners where workers poll, and a second pool for what is not critical', () => {
    expect(one('F3', { architecture: { ...architecture, wake: 'poll' } }).predicted).toBe(87)
    expect(one('F3', { architecture: { ...architecture, wake: 'batch' } }).predicted).toBe(99)
    expect(one('F3', { architecture: { nonCriticalCodes: ['page_view'] } }).predicted).toBe(56)
  })

  it('counts what an architecture has open beside its service', () => {
    const needed = (id: string, settings: Change['architecture'] = {}): number | null =>
      one('F3', { id, architecture: settings }).predicted
    expect(one('F3', { architecture, id: 'outbox' }).predicted).toBe(108)
    // 16 + 4 + 10, and a fifth of that.
    expect(needed('pg-batch')).toBe(36)
    expect(needed('dual-write')).toBe(36)
    // A worker that makes partitions; none where they are there for good.
    expect(needed('pg-partitioned', { partitionBy: 'day' })).toBe(38)
    expect(needed('pg-partitioned', { partitionBy: 'hash' })).toBe(36)
    // Routed reads, heartbeat and positions.
    expect(needed('pg-replica')).toBe(44)
    expect(needed('pg-partitioned', { partitionBy: 'day', readReplicas: true })).toBe(45)
    // A watch, a flusher and the session behind the cache; a view, a heartbeat.
    expect(needed('eav', { distinctQuery: 'indexed' })).toBe(40)
    expect(needed('eav', { distinctQuery: 'view' })).toBe(41)
    expect(needed('eav', { distinctQuery: 'indexed', readReplicas: true })).toBe(41)
  })
})

describe('F3 and the services', () => {
  it('knows their pools', () => {
    expect(FIXED_CONNECTIONS).toMatchObject({
      reads: READ_CONNECTIONS,
      watch: WATCH_CONNECTIONS,
      receiver: RECEIVER_CONNECTIONS,
      staging: STAGING_WATCH_CONNECTIONS,
    })
  })

  /** Where services open connections to a PostgreSQL that is written: how many places, and what F3 counts them as. */
  const COUNTED = {
    'service-kit/postgres/lanes.ts': 'setting connections',
    'service-kit/postgres/ingest.ts': 'reads',
    'service-kit/postgres/routed-pools.ts': 'reads',
    'service-kit/postgres/partition/worker-process.ts': 'maintenance',
    'service-kit/freshness/heartbeat.ts': 'heartbeat',
    'service-kit/freshness/commit-token.ts': 'tokens',
    // On a replica, which is another server.
    'service-kit/freshness/replica-watch.ts': 'none',
    'service-kit/outbox/ingest.ts': 'watch',
    'service-kit/outbox/listener.ts': 'listeners',
    'service-kit/outbox/worker-process.ts': 'workers × concurrency',
    'outbox/sink.ts': 'receiver',
    'service-kit/eav/staging-watch.ts': 'staging',
    'service-kit/eav/flusher.ts': 'flusher',
    'service-kit/eav/view-refresher.ts': 'view',
    'service-kit/postgres/session-watch.ts': 'session',
  }

  it('knows every place where one opens connections, each of which does so once', () => {
    const folder = join(packageRoot, 'reference-impl')
    const places = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && file !== 'service-kit/postgres/connection.ts')
      .flatMap((file) => {
        const text = readFileSync(join(folder, file), 'utf8')
        const found = text.match(/new pg\.(Client|Pool)\(|(?<!function )\bopenPool\(/g) ?? []
        return found.map(() => file)
      })
    expect(places.sort()).toEqual(Object.keys(COUNTED).sort())
    const kinds = Object.values(COUNTED)
    expect(Object.keys(FIXED_CONNECTIONS).filter((kind) => !kinds.includes(kind))).toEqual([])
  })
})

describe('F9, partitions per year', () => {
  const architecture = { partitionBy: 'day' }

  it('says how many a year takes, and the rows and bytes of one at the declared rate', () => {
    const metrics = {
      'store.bytesPerEvent{postgres.events}': 250,
      'partition.count{events}': 12,
      'partition.ahead{events}': 3,
      // By hash, so they are not of the interval.
      'partition.count{event_identities}': 64,
    }
    const found = one('F9', { architecture, metrics })
    expect(found).toMatchObject({ predicted: 365, measured: null, verdict: 'not-tested' })
    expect(found.inputs).toBe('daily partitions at the declared 400 events/s')
    // 400 × 86,400 rows of 250 bytes.
    expect(found.because).toMatch(/takes 34\.6 million rows: 8\.64 GB with indexes.*here 12 were/)
  })

  it('counts no rows for events that are there already', () => {
    const found = one('F9', { architecture, counts: { accepted: 10_000, duplicate: 10_000 } })
    expect(found.inputs).toBe(
      'daily partitions at the declared 400 events/s, of which 50 % are new as here',
    )
    expect(found.because).toContain('takes 17.3 million rows')
  })

  it.each([
    ['30 days', 4, 48, '30-day partitions, each in 4 parts by hash,', 'takes 259 million rows'],
    ['1 day', 4, 1_460, 'daily partitions, each in 4 parts by hash,', 'takes 8.64 million rows'],
  ])('counts chunks of %s in %d parts', (chunkInterval, spacePartitions, perYear, inputs, rows) => {
    const found = one('F9', { architecture: { chunkInterval, spacePartitions } })
    expect(found.predicted).toBe(perYear)
    expect(found.inputs).toContain(inputs)
    expect(found.because).toContain(rows)
  })

  it('says so where no store was sized, and is left out where nothing is partitioned by time', () => {
    expect(one('F9', { architecture }).because).toContain('bytes are not known')
    const ids = findings({ architecture: { partitionBy: 'hash' } }).map(({ id }) => id)
    expect(ids).not.toContain('F9')
    expect(findings().map(({ id }) => id)).not.toContain('F9')
  })
})

describe('F12, time between checkpoints', () => {
  it('is not tested by a run that is shorter, where none came of itself', () => {
    const found = one('F12')
    // 64 segments ÷ 1.9 are 33 whole ones, where the formula alone has 33.7.
    expect(found.predicted).toBeCloseTo((33 * 2 ** 24) / 2e6, 6)
    expect(found.inputs).toContain('every 565 MB of WAL')
    expect(found.inputs).toContain('segments of 16 MiB: every 33, 554 MB, at 2 MB/s')
    expect(found).toMatchObject({ measured: null, verdict: 'not-tested' })
  })

  it('holds where as many came as were due between the harness’s own', () => {
    // One segment, 4.2 s of WAL at 4 MB/s; two stretches of 10 s hold two each.
    const seen = (begun: number): FormulaFinding =>
      one('F12', {
        settings: { max_wal_size: '32MB' },
        metrics: { 'wal.bytesPerS': 4e6, 'checkpoint.requested': 2 + begun },
      })
    expect(seen(4)).toMatchObject({ measured: 5, verdict: 'held' })
    expect(seen(0)).toMatchObject({ measured: null, verdict: 'did-not-hold' })
    expect(seen(2).verdict).toBe('did-not-hold')
  })

  it('holds where as many came within a quarter of those that came', () => {
    // 1 s of WAL: 20 are due.
    const seen = (begun: number): FormulaFinding =>
      one('F12', {
        settings: { max_wal_size: '32MB' },
        metrics: { 'wal.bytesPerS': 2 ** 24, 'checkpoint.requested': 2 + begun },
      })
    expect(seen(22)).toMatchObject({
      verdict: 'held',
      because: '20 due of itself in 20 s, 22 begun',
    })
    expect(seen(16).verdict).toBe('held')
    expect(seen(27).verdict).toBe('did-not-hold')
    expect(seen(15).verdict).toBe('did-not-hold')
  })

  it('goes by the size of a segment where it is recorded', () => {
    const settings = { max_wal_size: '128MB', wal_segment_size: '64MB' }
    expect(one('F12', { settings }).predicted).toBeCloseTo(2 ** 26 / 2e6, 6)
  })
})

describe('F12, where fewer than two were due', () => {
  const seen = (requested: number, maxWal: string): FormulaFinding =>
    one('F12', {
      settings: { max_wal_size: maxWal },
      metrics: { 'checkpoint.requested': 2 + requested },
    })

  it.each([
    // 277 s of WAL, and one came all the same.
    ['none was due and one begun', 1, '1GB'],
    // Two segments, 16.8 s of WAL at 2 MB/s: neither stretch of 10 s holds one.
    ['one begun in two short stretches', 1, '64MB'],
  ])('is not tested: %s', (_, requested, maxWal) => {
    expect(seen(requested, maxWal).verdict).toBe('not-tested')
  })

  it('does not hold where several begun though none was due', () => {
    expect(seen(5, '1GB').verdict).toBe('did-not-hold')
  })

  it('is not tested where one was due and none begun', () => {
    const checkpoints = [{ atMs: 3_000, reason: 'start' as const }]
    const settings = { max_wal_size: '64MB' }
    const found = one('F12', { settings, checkpoints, metrics: { 'checkpoint.requested': 1 } })
    expect(found).toMatchObject({ measured: null, verdict: 'not-tested' })
    expect(found.because).toContain('1 due of itself in 20 s, 0 begun')
  })
})

describe('F13, dead rows between two visits', () => {
  const dead = (rows: number): Readonly<Record<string, number>> => ({
    'table.deadRows{outbox}': rows,
  })

  const visits = (count: number): Readonly<Record<string, number>> => ({
    'table.autovacuums{outbox}': count,
  })

  it('is not tested by a run shorter than naptime, whatever updates and deletes it counted', () => {
    const found = one('F13', { metrics: visits(1) })
    expect(found).toMatchObject({ predicted: 120_000, measured: null, verdict: 'not-tested' })
    expect(found.because).toContain('peaked at 5,000')
    expect(found.because).toContain('48,000 gather at the declared 400 events/s')
  })

  it('is tested where a rate was held for two naptimes, or two visits were seen', () => {
    const seen = (naptime: string, count: number): FormulaFinding =>
      one('F13', {
        settings: { autovacuum_naptime: naptime },
        metrics: visits(count),
        worst: dead(4_000),
      })
    const long = seen('10s', 0)
    expect(long).toMatchObject({ predicted: 20_000, measured: 4_000, verdict: 'did-not-hold' })
    // 20 s may lie between a visit just before them and the second next.
    const short = seen('15s', 1)
    expect(short).toMatchObject({ predicted: 30_000, measured: null, verdict: 'not-tested' })
    expect(short.because).toContain('no rate was held for twice the naptime of 15 s')
    expect(seen('15s', 2)).toMatchObject({ measured: 4_000, verdict: 'did-not-hold' })
  })

  it('is not tested where the peak may lie between two looks at the table', () => {
    const settings = { autovacuum_naptime: '2s' }
    const found = one('F13', { settings, worst: dead(1_000) })
    // 4,000 were due, and 2 for each of 1,000 events/s gather in the 5 s.
    expect(found).toMatchObject({ predicted: 4_000, measured: 1_000, verdict: 'not-tested' })
    expect(found.because).toContain('every 5 s, in which 10,000 more gather')
    // More than was due is more, whatever was not seen.
    expect(one('F13', { settings, worst: dead(6_000) }).verdict).toBe('did-not-hold')
  })

  it('does not take visits to two partitions for two visits to one', () => {
    const metrics = { ...visits(2), 'partition.count{outbox}': 3 }
    const settings = { autovacuum_naptime: '15s' }
    expect(one('F13', { settings, metrics })).toMatchObject({ verdict: 'not-tested' })
  })

  it('is two per event beside the peak of dead rows where a rate was held for longer', () => {
    const settings = { autovacuum_naptime: '10s' }
    expect(one('F13', { settings, worst: dead(21_000) })).toMatchObject({
      predicted: 20_000,
      measured: 21_000,
      verdict: 'held',
    })
    const more = one('F13', { settings, worst: dead(90_000) })
    expect(more).toMatchObject({ measured: 90_000, verdict: 'did-not-hold' })
    expect(more.because).not.toContain('HOT')
  })

  it('goes by events that were new: those that were there already leave no dead row', () => {
    const counts = { accepted: 10_000, duplicate: 10_000 }
    const found = one('F13', { counts, metrics: visits(1) })
    expect(found.predicted).toBe(60_000)
    expect(found.because).toContain('24,000 gather at the declared 400 events/s')
    const settings = { autovacuum_naptime: '10s' }
    expect(one('F13', { counts, settings, worst: dead(10_500) }).verdict).toBe('held')
  })

  it('names HOT pruning where fewer gathered and updates were HOT', () => {
    const settings = { autovacuum_naptime: '10s' }
    const hot = { 'table.hotUpdateRatio{outbox}': 0.9 }
    const found = one('F13', { settings, worst: dead(4_000), metrics: hot })
    expect(found).toMatchObject({ measured: 4_000, verdict: 'did-not-hold' })
    expect(found.because).toContain('90 % of the updates were HOT')
    expect(one('F13', { settings, worst: dead(4_000) }).because).not.toContain('HOT')
  })
})

describe('F14, a slot that nobody reads', () => {
  it('says when the disk is full at the declared rate, and when the slot is given up instead', () => {
    const found = one('F14', { freeBytes: 80e9, settings: { max_slot_wal_keep_size: '8GB' } })
    expect(found).toMatchObject({ predicted: 80e9 / (2_000 * 400), measured: null })
    expect(found.because).toContain('gives the slot up after 8.59 GB')
    expect(one('F14', { freeBytes: 80e9 }).because).toContain('the disk fills')
  })

  it('does not count the WAL of events that were there already twice', () => {
    const found = one('F14', { freeBytes: 80e9, counts: { accepted: 15_000, duplicate: 5_000 } })
    expect(found.predicted).toBeCloseTo(80e9 / (2_000 * 400 * 0.75))
    expect(found.inputs).toContain('400 events/s, of which 75 % are new as here')
  })

  it('is left out where the server is not embedded: its disk may be another', () => {
    for (const provider of ['external', 'compose'] as const) {
      const ids = findings({ freeBytes: 80e9, provider }).map(({ id }) => id)
      expect(ids).not.toContain('F14')
      expect(ids).toContain('F12')
    }
  })

  it('is left out where the disk was not seen', () => {
    expect(findings().map(({ id }) => id)).not.toContain('F14')
  })
})

it('targets without PostgreSQL, and rounds that do not count, have no formulas', () => {
  expect(findings({}, ['clickhouse-direct'])).toEqual([])
})
