import { describe, expect, it } from 'vitest'
import { eav } from '../../reference-impl/eav/architecture.ts'
import { hypertableSettings } from '../../reference-impl/service-kit/postgres/hypertable.ts'
import { judgeStudy } from '../../src/judge/judge.ts'
import type { Verdict } from '../../src/judge/verdict.ts'
import type { RunRecord, Step, StorePromise } from '../../src/results/record.ts'
import type { Profile } from '../../src/plan/profile.ts'
import { studyFixture } from '../fixtures/study.ts'
import { percentiles } from '../fixtures/percentiles.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

const TRIGGERS = new Map(shippedTriggers().map((trigger) => [trigger.id, trigger]))

interface Given {
  /** Steps at 500 and 1,000 events/s; the profile declares 400 unless told otherwise. */
  readonly ratePerS?: number
  readonly retentionDays?: number
  readonly stepS?: number
  /** Worst windows of every step. */
  readonly worst?: Readonly<Record<string, number>>
  /** Of every step and of the whole measured phase. */
  readonly metrics?: Readonly<Record<string, number>>
  /** Of every measured step. */
  readonly counts?: Pick<Step['counts'], 'accepted' | 'duplicate'>
  /** p99 from acknowledgement to readable, by store. */
  readonly freshP99Us?: Readonly<Record<string, number>>
  readonly architecture?: string
  readonly settings?: Readonly<Record<string, unknown>>
  readonly target?: string
  /** Of every store, instead of what the architecture promises. */
  readonly readAfterAck?: 'at-once' | 'eventually'
  readonly projections?: readonly StorePromise[]
}

function verdictOf(id: string, given: Given = {}): Verdict {
  const trigger = TRIGGERS.get(id)
  if (trigger === undefined) throw new Error(`no trigger ${id}`)
  const profile: Partial<Profile> = {
    ratePerS: given.ratePerS ?? 400,
    retentionDays: given.retentionDays ?? 400,
  }
  const { study, runs } = studyFixture({
    targets: [given.target ?? 'pg-direct'],
    ratesPerS: [500, 1_000],
    stepS: given.stepS ?? 5,
    spreadRatio: 0,
    tweak: (run) => tweaked(run, given),
  })
  const judged = { ...study, profile: { ...study.profile, ...profile } }
  const [target] = judgeStudy({ study: judged, runs, triggers: [trigger] }).targets
  return target!.judgements[0]!.verdict
}

function tweaked(run: RunRecord, given: Given): RunRecord {
  if (run.outcome.state !== 'completed') throw new Error('the fixture completes')
  const { measured, audit } = run.outcome
  const metrics = { ...measured.metrics, ...given.metrics }
  const steps = measured.steps.map((step): Step => ({
    ...step,
    metrics: { ...step.metrics, ...given.metrics },
    counts: { ...step.counts, ...given.counts },
    worst: { ...given.worst },
    freshnessUs: Object.fromEntries(
      Object.entries(given.freshP99Us ?? {}).flatMap(([store, p99]) => {
        const known = percentiles({ p50: p99 / 2, sigma: 0.1, count: 5_000, infinite: 0 })
        return known === null ? [] : [[store, { ...known, p99 }]]
      }),
    ),
  }))
  const { architecture } = run
  return {
    ...run,
    architecture: {
      ...architecture,
      id: given.architecture ?? architecture.id,
      settings: { ...architecture.settings, ...given.settings },
      promises: {
        ...architecture.promises,
        ...(given.projections === undefined ? {} : { projections: [...given.projections] }),
        stores: architecture.promises.stores.map((store) => ({
          ...store,
          readAfterAck: given.readAfterAck ?? store.readAfterAck,
        })),
      },
    },
    outcome: {
      state: 'completed',
      measured: { ...measured, steps, metrics, worst: { ...given.worst } },
      audit,
    },
  }
}

/** A rule with two levels over a gauge: label and value of what must not be seen, and levels. */
const GAUGES = [
  { id: 'E9', key: 'replica.replayLagS{standby-1}', warning: 1, critical: 60 },
  { id: 'E11', key: 'outbox.oldestPendingS{outbox}', warning: 30, critical: 300 },
  { id: 'E13', key: 'table.deadRows{events}', warning: 100_000, critical: 1_000_000 },
  { id: 'E14', key: 'pool.waitMs{service}', warning: 100, critical: 1_000 },
] as const

describe.each(GAUGES)('$id', ({ id, key, warning, critical }) => {
  it('holds below its first level, and fires at two', () => {
    expect(verdictOf(id, { worst: { [key]: warning / 2 } })).toMatchObject({
      state: 'holds',
      evidence: 'measured',
      headroomRatio: { mid: 2 },
      headroomOf: 'metric',
    })
    expect(verdictOf(id, { ratePerS: 500, worst: { [key]: warning * 1.1 } })).toMatchObject({
      state: 'fired',
      level: 'warning',
      evidence: 'measured',
    })
    expect(verdictOf(id, { ratePerS: 500, worst: { [key]: critical * 1.1 } })).toMatchObject({
      state: 'fired',
      level: 'critical',
      evidence: 'measured',
    })
  })

  it('judges the worst of all instances, by their worst window and not by the mean', () => {
    const other = key.replace(/\{.*\}/, '{another}')
    const given = {
      ratePerS: 500,
      worst: { [key]: critical * 1.1, [other]: 0 },
      metrics: { [key]: 0, [other]: 0 },
    }
    expect(verdictOf(id, given)).toMatchObject({ state: 'fired', level: 'critical' })
  })

  it('is unknown with the one command where the declared rate was not reached', () => {
    const verdict = verdictOf(id, { ratePerS: 5_000, worst: { [key]: warning / 2 } })
    expect(verdict.state).toBe('unknown')
    expect(verdict.state === 'unknown' && verdict.command).toContain(
      'headroom run quick --target pg-direct --rates 5000',
    )
  })
})

describe('E14 behind a pooler', () => {
  const pooled = (worst: Readonly<Record<string, number>>): Verdict =>
    verdictOf('E14', { ratePerS: 500, worst: { 'pool.waitMs{service}': 2, ...worst } })

  it('fires where a request has its connection at once and waits in the queue of the pooler', () => {
    const verdict = pooled({ 'pooler.waitMs': 900, 'pooler.waitMaxMs': 2_300 })
    expect(verdict).toMatchObject({ state: 'fired', level: 'critical', value: 2_300 })
    expect(verdict.because).toMatch(/^longest pooler wait 2\.3\d* s/)
  })

  it('goes by the mean where nobody waits at the moment of a look', () => {
    const verdict = pooled({ 'pooler.waitMs': 150, 'pooler.waitMaxMs': 0 })
    expect(verdict).toMatchObject({ state: 'fired', level: 'warning', value: 150 })
    expect(verdict.because).toMatch(/^pooler wait 150 ms/)
  })

  it('holds, and names the pool of the service, where nobody waits in the pooler', () => {
    const verdict = pooled({ 'pooler.waitMs': 0.1, 'pooler.waitMaxMs': 0 })
    expect(verdict).toMatchObject({ state: 'holds', value: 2 })
    expect(verdict.because).toMatch(/^pool wait p99 2 ms/)
  })

  it('judges the pooler alone of a target whose service tells nothing of a pool', () => {
    const alone = verdictOf('E14', { ratePerS: 500, worst: { 'pooler.waitMaxMs': 300 } })
    expect(alone).toMatchObject({ state: 'fired', level: 'warning', value: 300 })
    const none = verdictOf('E14', { ratePerS: 500 })
    expect(none).toMatchObject({
      state: 'does-not-apply',
      because: expect.stringContaining('no pooler behind it'),
    })
  })
})

describe('what a target does not have', () => {
  it.each([
    ['E9', 'pg-direct', 'no standby'],
    ['E10', 'pg-direct', 'not partitioned'],
    ['E11', 'pg-direct', 'keeps no pending events'],
    ['E12', 'clickhouse-direct', 'writes no WAL'],
    ['E13', 'clickhouse-direct', 'no rows in PostgreSQL'],
    ['E18', 'pg-direct', 'no breaker'],
  ])('%s does not apply to %s, and no command is named', (id, target, because) => {
    const verdict = verdictOf(id, { target })
    expect(verdict).toEqual({ state: 'does-not-apply', because: expect.stringContaining(because) })
  })

  it('is unknown where it is there by design and was not measured', () => {
    expect(verdictOf('E9', { architecture: 'pg-replica' }).state).toBe('unknown')
    expect(verdictOf('E11', { architecture: 'outbox' }).state).toBe('unknown')
    expect(verdictOf('E18', { architecture: 'pg-replica' }).state).toBe('unknown')
    expect(verdictOf('E9', { metrics: { 'replica.standbys': 1 } }).state).toBe('unknown')
  })
})

describe('E10', () => {
  const of = (interval: string, given: Given = {}): Verdict =>
    verdictOf('E10', { architecture: 'pg-partitioned', settings: { interval }, ...given })

  it('holds with daily partitions of a year, by the declared rate alone', () => {
    expect(of('daily')).toMatchObject({ state: 'holds', evidence: 'declared', value: 401 })
  })

  it('warns of partitions too small to be worth one, and of thousands of them', () => {
    expect(of('hourly', { retentionDays: 30, ratePerS: 2 })).toMatchObject({
      state: 'fired',
      level: 'warning',
      value: 7_200,
    })
    expect(of('hourly', { retentionDays: 60 })).toMatchObject({ state: 'fired', level: 'warning' })
    expect(of('hourly')).toMatchObject({ state: 'fired', level: 'critical', value: 9_601 })
  })

  it.each([
    ['timescale', { chunkInterval: '1 day', spacePartitions: 4 }],
    ['eav', { partitionBy: 'day', hashShards: 4 }],
  ])('counts what each interval of %s is cut into by hash', (architecture, settings) => {
    const of = (retentionDays: number, ratePerS = 400): Verdict =>
      verdictOf('E10', { architecture, settings, retentionDays, ratePerS })
    const fired = of(365)
    expect(fired).toMatchObject({ state: 'fired', level: 'warning', value: 1_464 })
    expect(fired.because).toContain('daily partitions, each in 4 parts by hash')
    expect(fired.because).toContain('hold 8.64 million rows each')
    // A day of 0.4 events/s is 34,560 rows, a quarter of it fewer than 10,000.
    expect(of(30, 0.4)).toMatchObject({ state: 'fired', value: 8_640 })
  })

  it('counts no rows for events that are there already, as formula F9 does', () => {
    const half = { accepted: 500, duplicate: 500 }
    const verdict = of('daily', { counts: half })
    expect(verdict).toMatchObject({ state: 'holds', value: 401 })
    // 400 × 86,400 are 34.6 million.
    expect(verdict.because).toContain('hold 17.3 million rows each')
    expect(verdict.because).toContain('400 events/s, of which 50 % are new as here')
    // 14,400 an hour arrive, and 7,200 of them are new.
    const few = { retentionDays: 30, ratePerS: 4 }
    expect(of('hourly', few).state).toBe('holds')
    expect(of('hourly', { ...few, counts: half })).toMatchObject({ state: 'fired', value: 7_200 })
  })

  it('takes one part by hash for none', () => {
    const settings = { chunkInterval: '1 day', spacePartitions: 1 }
    expect(verdictOf('E10', { architecture: 'timescale', settings }).because).toMatch(
      /^daily partitions hold/,
    )
  })

  it.each(hypertableSettings.chunkInterval.unwrap().options)(
    'knows the interval %s that a hypertable may have',
    (chunkInterval) => {
      const settings = { chunkInterval, spacePartitions: 1 }
      const verdict = verdictOf('E10', { architecture: 'timescale', settings, retentionDays: 30 })
      expect(verdict.state).toBe('holds')
    },
  )

  it('is unknown of hash partitions, and says why', () => {
    const settings = { partitionBy: 'hash', partitions: 12 }
    expect(verdictOf('E10', { architecture: 'pg-partitioned', settings })).toMatchObject({
      state: 'unknown',
      because: expect.stringContaining('partitioned by hash'),
    })
  })

  it('is unknown where the interval is not among the settings', () => {
    expect(verdictOf('E10', { architecture: 'timescale' }).state).toBe('unknown')
  })
})

describe('E12', () => {
  const at = (perS: number, perEvent: number): Given => ({
    metrics: { 'wal.bytesPerS': perS, 'wal.totalBytesPerEvent': perEvent },
  })

  it('is measured where a step ran at the declared rate', () => {
    const fired = verdictOf('E12', { ...at(9e6, 9e3), ratePerS: 500 })
    expect(fired).toMatchObject({ state: 'fired', level: 'critical', evidence: 'measured' })
    expect(verdictOf('E12', { ...at(2e6, 2e3), ratePerS: 500 })).toMatchObject({ level: 'warning' })
    expect(verdictOf('E12', { ...at(1e6, 1e3), ratePerS: 500 })).toMatchObject({ state: 'holds' })
  })

  it('is WAL per event times the declared rate where none did, and says extrapolated', () => {
    const far = verdictOf('E12', { ...at(5e5, 1_000), ratePerS: 10_000 })
    expect(far).toMatchObject({
      state: 'fired',
      level: 'critical',
      evidence: 'extrapolated',
      value: 1e7,
    })
    const near = verdictOf('E12', { ...at(5e5, 100), ratePerS: 10_000 })
    expect(near).toMatchObject({ state: 'holds', evidence: 'extrapolated', value: 1e6 })
    expect(near.state === 'holds' && near.firesBetween.beyondEvidence).toBe(true)
  })
})

/** Too little in what was measured for the rule to be answered by it. */
const WAL_OF_NEW = { 'wal.bytesPerS': 1e5, 'wal.totalBytesPerEvent': 1_000 }

describe('E12 in steps shorter than its window', () => {
  const short = (stepS: number): Given => ({
    stepS,
    ratePerS: 10_000,
    metrics: { 'wal.bytesPerS': 9e9, 'wal.totalBytesPerEvent': 1_000 },
  })

  it('is reckoned from the whole measured time, and says how long that was', () => {
    const verdict = verdictOf('E12', short(2.5))
    expect(verdict).toMatchObject({ state: 'fired', evidence: 'extrapolated', value: 1e7 })
    expect(verdict.state === 'fired' && verdict.because).toContain('over 5 s or more')
  })

  it.each([2.5, 10])('takes WAL per event for the new ones alone, over steps of %d s', (stepS) => {
    const counts = { accepted: 800, duplicate: 200 }
    expect(verdictOf('E12', { ...short(stepS), metrics: WAL_OF_NEW, counts })).toMatchObject({
      evidence: 'extrapolated',
      value: 10_000 * 1_000 * 0.8,
    })
  })

  it('is unknown where all of them together are too short, with the reason', () => {
    const verdict = verdictOf('E12', short(1))
    expect(verdict.state).toBe('unknown')
    expect(verdict.because).toContain('2 s were measured')
    expect(verdict.because).toContain('less than 5 s')
  })

  it('takes no step that is too short where another is long enough', () => {
    const { study, runs } = studyFixture({
      targets: ['pg-direct'],
      ratesPerS: [500, 1_000],
      stepS: 10,
      spreadRatio: 0,
      tweak: (run) => {
        if (run.outcome.state !== 'completed') throw new Error('the fixture completes')
        const { measured } = run.outcome
        const steps = measured.steps.map((step): Step => {
          // One that broke after a second counts for the curve, and its WAL is that of its beginning.
          const isCut = step.targetPerS === 1_000
          return {
            ...step,
            brokenSlo: isCut ? { metric: 'latency.p99Us', max: 1, value: 2, atMs: 0 } : null,
            toMs: isCut ? step.fromMs + 1_000 : step.toMs,
            metrics: {
              ...step.metrics,
              'wal.bytesPerS': isCut ? 9e9 : 1e5,
              'wal.totalBytesPerEvent': isCut ? 9e6 : 100,
            },
          }
        })
        return { ...run, outcome: { ...run.outcome, measured: { ...measured, steps } } }
      },
    })
    const [target] = judgeStudy({
      study: { ...study, profile: { ...study.profile, ratePerS: 10_000 } },
      runs,
      triggers: [TRIGGERS.get('E12')!],
    }).targets
    expect(target!.judgements[0]!.verdict).toMatchObject({
      state: 'holds',
      evidence: 'extrapolated',
      value: 1e6,
    })
  })
})

describe('E13 in a run shorter than autovacuum sleeps', () => {
  const outbox = (perEvent: number, given: Given = {}): Given => ({
    ...given,
    worst: { 'table.deadRows{outbox}': 9_000 },
    metrics: { 'table.updatedRowsPerEvent{outbox}': perEvent },
  })

  it('reckons what gathers until the next visit', () => {
    expect(verdictOf('E13', outbox(2, { ratePerS: 500 }))).toMatchObject({
      state: 'holds',
      evidence: 'extrapolated',
      value: 60_000,
    })
    expect(verdictOf('E13', outbox(2, { ratePerS: 1_000 }))).toMatchObject({
      state: 'fired',
      level: 'warning',
      evidence: 'extrapolated',
      value: 120_000,
    })
    expect(verdictOf('E13', outbox(2, { ratePerS: 10_000 }))).toMatchObject({
      state: 'fired',
      level: 'critical',
      value: 1_200_000,
    })
  })

  it('takes what was measured once the run is longer, and where nothing is updated', () => {
    const long = verdictOf('E13', outbox(2, { ratePerS: 1_000, stepS: 40 }))
    expect(long).toMatchObject({ state: 'holds', evidence: 'measured', value: 9_000 })
    expect(verdictOf('E13', outbox(0, { ratePerS: 1_000 }))).toMatchObject({ evidence: 'measured' })
  })

  it('reckons the table with the most dead rows, never several together', () => {
    const metrics = {
      'table.updatedRowsPerEvent{outbox}': 1,
      'table.deletedRowsPerEvent{outbox}': 0.5,
      'table.updatedRowsPerEvent{consumers}': 1,
      'table.updatedRowsPerEvent{events}': 0,
    }
    const worst = { 'table.deadRows{outbox}': 9_000 }
    expect(verdictOf('E13', { worst, metrics, ratePerS: 1_000 })).toMatchObject({
      state: 'holds',
      evidence: 'extrapolated',
      value: 90_000,
    })
  })

  it('does not scale a heartbeat, which writes per second, with the rate', () => {
    const metrics = { 'table.updatedRowsPerEvent{heartbeat}': 0.2 }
    const worst = { 'table.deadRows{heartbeat}': 200 }
    expect(verdictOf('E13', { worst, metrics, ratePerS: 50_000 })).not.toMatchObject({
      state: 'fired',
    })
  })

  it('finds a table whose rows are only deleted', () => {
    const metrics = { 'table.deletedRowsPerEvent{staging}': 1 }
    const worst = { 'table.deadRows{staging}': 200 }
    expect(verdictOf('E13', { worst, metrics, ratePerS: 2_000 })).toMatchObject({
      state: 'fired',
      evidence: 'extrapolated',
      value: 120_000,
    })
  })
})

describe('E17, a budget for each class of read', () => {
  const stores = { 'postgres.events': 40e3, 'clickhouse.events_raw': 4e6 }

  it('lets searches and analytics go to the store that is last', () => {
    const given = { ratePerS: 500, freshP99Us: stores }
    expect(verdictOf('E17b', given)).toMatchObject({ state: 'fired', level: 'critical' })
    expect(verdictOf('E17c', given)).toMatchObject({ state: 'holds', value: 4e6 })
  })

  it('asks of critical reads only where no store answers at once what it acknowledged', () => {
    const late = { ratePerS: 500, freshP99Us: { 'clickhouse.events_raw': 80e3 } }
    expect(verdictOf('E17a', late)).toMatchObject({ state: 'does-not-apply' })
    const eventual = { ...late, readAfterAck: 'eventually' as const }
    expect(verdictOf('E17a', eventual)).toMatchObject({ state: 'fired', evidence: 'measured' })
    expect(verdictOf('E17a', { ...eventual, freshP99Us: stores }).state).toBe('holds')
    expect(verdictOf('E17a', { ...eventual, freshP99Us: {} }).state).toBe('unknown')
  })
})

describe('E17a of eav, whose critical values are in a projection', () => {
  const series = 'postgres.entity_values_ts'
  // Behind a flush every 100 ms.
  const given: Given = {
    ratePerS: 500,
    architecture: 'eav',
    freshP99Us: { [series]: 130e3 },
    readAfterAck: 'eventually',
  }

  it('does not apply: its projection answers at once, as it promises', () => {
    const promises = eav.promises(eav.settings.parse({}), { database: {}, cache: {} }, 'default')
    expect(promises.stores.map(({ readAfterAck }) => readAfterAck)).toEqual(['eventually'])
    const verdict = verdictOf('E17a', { ...given, projections: promises.projections ?? [] })
    expect(verdict).toEqual({
      state: 'does-not-apply',
      because: expect.stringContaining('critical reads may go there'),
    })
  })

  it('is judged by its stores where no projection answers at once', () => {
    const view = eav.promises(eav.settings.parse({}), { database: {}, cache: {} }, 'default').stores
    expect(verdictOf('E17a', { ...given, projections: view })).toMatchObject({ state: 'fired' })
  })
})

describe('E18', () => {
  it('fires at the first opening of any class, and holds where none ever opened', () => {
    const opened = (ratio: number): Given => ({
      ratePerS: 500,
      metrics: {
        'replica.breakerOpenRatio{replica-1 critical}': ratio,
        'replica.breakerOpenRatio{replica-1 search}': 0,
      },
    })
    expect(verdictOf('E18', opened(0.02))).toMatchObject({ state: 'fired', level: 'critical' })
    expect(verdictOf('E18', opened(0))).toMatchObject({ state: 'holds', evidence: 'measured' })
  })

  it('is about eav only where it has replicas', () => {
    const breaker = { 'replica.breakerOpenRatio{replica-1 search}': 0.02 }
    const given = { architecture: 'eav', ratePerS: 500 }
    expect(verdictOf('E18', given).state).toBe('does-not-apply')
    expect(verdictOf('E18', { ...given, metrics: breaker })).toMatchObject({ state: 'fired' })
  })
})
