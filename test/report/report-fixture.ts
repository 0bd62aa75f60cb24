/** Findings and series as a finished study leaves them: the study fixture, judged, with a plausible course of each run. */
import { judgeStudy } from '../../src/judge/judge.ts'
import type { Findings } from '../../src/judge/findings.ts'
import { generator } from '../../src/judge/statistics.ts'
import { Trigger } from '../../src/judge/trigger.ts'
import type { RunRecord, Step } from '../../src/results/record.ts'
import type { SeriesByRun, SeriesPoint } from '../../src/report/series.ts'
import { measuredOf, studyFixture } from '../fixtures/study.ts'
import type { StudyFixtureOptions } from '../fixtures/study.ts'

const source = { document: 'ingestion architecture (S0)', section: 'Migration triggers' }

export const TRIGGERS: readonly Trigger[] = [
  {
    id: 'E1',
    title: 'PostgreSQL write latency p99 > 50 ms',
    short: 'p99 > 50 ms',
    judged: {
      kind: 'symptom',
      metrics: ['latency.p99Us'],
      statistic: 'p99 over all due events of a step',
      thresholds: { critical: 50_000 },
      windowS: 3,
      sustainedS: 300,
      hysteresisRatio: 0.2,
      growsWith: 'rate',
    },
    source: {
      ...source,
      quote: 'Write latency p99 > 50ms: tune WAL, reduce indexes, or add write buffer',
    },
    action: 'Tune the WAL, reduce indexes, or add a write buffer.',
    measure: 'headroom run {scenario} --target {target} --rate {ratePerS}',
    anchors: [
      {
        who: 'Langfuse',
        what: 'PostgreSQL to queue and ClickHouse; ingestion spiked to 50 s',
        atPerS: 300,
      },
    ],
  },
  {
    id: 'E2',
    title: 'Sustained write rate > 8,000 events/s',
    short: '8,000 events/s',
    judged: {
      kind: 'demand',
      quantity: 'ratePerS',
      thresholds: { critical: 8_000 },
      sustainedS: 3600,
      hysteresisRatio: 0.1,
    },
    source: { ...source, quote: 'Sustained write rate > 8k/s: begin Phase 2' },
    action: 'Begin phase 2: ClickHouse beside PostgreSQL.',
    measure: 'headroom run {scenario} --rate {ratePerS}',
  },
  {
    id: 'E3',
    title: 'Aggregation queries > 5 s',
    short: 'queries > 5 s',
    judged: {
      kind: 'symptom',
      metrics: ['query.seconds{Q1}', 'query.seconds{Q2}'],
      statistic: 'median of a step',
      thresholds: { critical: 5 },
      windowS: 10,
      sustainedS: 0,
      hysteresisRatio: 0.2,
      growsWith: 'rows',
    },
    source: { ...source, quote: 'Aggregation queries > 5s: redirect analytics to ClickHouse' },
    action: 'Send analytical queries to ClickHouse.',
    measure: 'headroom run aging --target {target} --rows {rows}',
    anchors: [
      { who: 'Plausible', what: 'PostgreSQL to ClickHouse; main graph 5 to 6 s', atPerS: 2 },
    ],
  },
  {
    id: 'E5',
    title: 'Need for event replay',
    short: 'replay',
    judged: {
      kind: 'demand',
      quantity: 'replayDays',
      thresholds: { critical: 0 },
      sustainedS: 0,
      hysteresisRatio: 0,
    },
    source: { ...source, quote: 'Need for event replay: Kafka, Phase 3' },
    action: 'Put a log in front: phase 3.',
    measure: 'headroom run replay --target {target}',
    anchors: [{ who: 'Somebody', what: 'a log in front to replay from', atPerS: null }],
  },
].map((trigger) => Trigger.parse(trigger))

export function findingsFixture(options: StudyFixtureOptions = {}): Findings {
  return judgeStudy({ ...studyFixture(options), triggers: TRIGGERS })
}

/** One point a second unless told otherwise, around what each step’s metrics say. */
export function seriesFixture(findings: Findings, everyMs = 1_000): SeriesByRun {
  return new Map(findings.runs.map((run) => [run.id, runSeries(run, everyMs)]))
}

function runSeries(run: RunRecord, everyMs: number): ReadonlyMap<string, readonly SeriesPoint[]> {
  const byKey = new Map<string, SeriesPoint[]>()
  const measured = measuredOf(run)
  if (measured === null) return byKey
  const add = (key: string, t: number, v: number): void => {
    const points = byKey.get(key) ?? []
    points.push({ t, v })
    byKey.set(key, points)
  }
  const next = generator(run.round * 1_000 + run.target.name.length)
  const noise = (): number => 0.9 + 0.2 * next()
  let walBytes = 1e6
  let fpiBytes = 1e5
  for (const step of measured.steps) {
    for (let t = step.fromMs; t < step.toMs; t += everyMs) {
      const since = Math.min(
        ...measured.checkpoints.map((one) => (t >= one.atMs ? t - one.atMs : 1e9)),
      )
      const rowsPerS = (step.metrics['wal.bytesPerEvent'] ?? 0) * step.acceptedPerS * noise()
      const images = (step.metrics['wal.fpiBytesPerEvent'] ?? 0) * 2.4 * Math.exp(-since / 5e3)
      fpiBytes += (images * step.acceptedPerS * everyMs) / 1e3
      walBytes += ((images * step.acceptedPerS + rowsPerS) * everyMs) / 1e3
      for (const [key, value] of sampled(step, { noise, since })) add(key, t, value)
      if (rowsPerS > 0) {
        add('wal.bytes', t, walBytes)
        add('wal.fpiBytes', t, fpiBytes)
        add('table.deadRows{events}', t, Math.round((t / 40) * next()))
      }
    }
    for (const [key, t, v] of answered(step, noise)) add(key, t, v)
  }
  return byKey
}

/** An answer to every query every two seconds, over rows that grow with the run. */
function answered(
  step: Step,
  noise: () => number,
): readonly (readonly [key: string, t: number, v: number])[] {
  const everyMs = Math.max(2_000, (step.toMs - step.fromMs) / 40)
  const answers: [string, number, number][] = []
  for (const [key, seconds] of Object.entries(step.metrics)) {
    const query = /^query\.seconds\{(.+)\}$/.exec(key)?.[1]
    if (query === undefined) continue
    for (let t = step.fromMs + 500; t < step.toMs; t += everyMs) {
      const read = query === 'Q4' ? 1 : 150_000 + Math.round(t * 2)
      answers.push([key, t, seconds * noise() * noise()], [`query.rowsRead{${query}}`, t, read])
    }
  }
  return answers
}

function sampled(
  step: Step,
  { noise, since }: { readonly noise: () => number; readonly since: number },
): readonly (readonly [string, number])[] {
  const p99 = step.latencyUs?.p99 ?? 0
  const slow = 1 + 1.5 * Math.exp(-since / 2e3)
  const values: [string, number][] = [
    ['rate.dueEventsPerS', step.targetPerS],
    ['rate.acceptedEventsPerS', step.acceptedPerS * (0.97 + 0.03 * noise())],
    ['latency.p99Us', (p99 === 'infinite' ? 2e6 : p99) * noise() * slow],
    ['sendDelay.p99Us', 180 * noise() * noise()],
  ]
  for (const [store, freshness] of Object.entries(step.freshnessUs)) {
    values.push([`rate.storedEventsPerS{${store}}`, step.acceptedPerS * noise()])
    values.push([
      `freshness.p99Us{${store}}`,
      (freshness.p99 === 'infinite' ? 1e7 : freshness.p99) * noise(),
    ])
    values.push([
      `backlog.events{${store}}`,
      ((step.acceptedPerS * (freshness.p50 === 'infinite' ? 1 : freshness.p50)) / 1e6) * noise(),
    ])
  }
  for (const [key, value] of Object.entries(step.metrics)) {
    if (/^(cpu\.cores|parts\.active)/.test(key)) values.push([key, value * noise()])
  }
  values.push(['cpu.cores{harness}', 0.03 * noise()])
  return values
}
