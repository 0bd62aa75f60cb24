/**
 * The driver's memory over half an hour at 10,000 events/s, one event per request, against a sink that only counts.
 * Issue 3 allows 250 MB and no growth.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openOutcomes } from '../../src/audit/outcomes.ts'
import { parseKiB } from '../../src/collect/procfs.ts'
import { readPsRows } from '../../src/collect/ps.ts'
import { startDriver } from '../../src/drive/driver.ts'
import type { DriverJob, DriverResult } from '../../src/drive/job.ts'
import { OUTCOME_CODES } from '../../src/drive/job.ts'
import { Scope } from '../../src/kit/scope.ts'
import { formatBytes, formatCount, formatRatio } from '../../src/kit/units.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import type { RssSample } from './memory-trend.ts'
import { memoryTrend, perMinute } from './memory-trend.ts'
import { startSink } from './sink.ts'
import type { Criterion, Soak, SoakFindings, SoakOptions } from './soak.ts'

const RATE_PER_S = 10_000
const RSS_BYTES_MAX = 250e6
/** Flat: the fitted line rises less than this over the last two thirds; 8 MB in 20 minutes is one allocator arena. */
const RISE_BYTES_MAX = 8e6
/** On a machine that others use too, some events find every connection busy and are counted as dropped. */
const ACCEPTED_RATIO_MIN = 0.99
const SAMPLE_MS = 1_000
const LEAD_MS = 500
const DRAIN_S = 10
const TALK_EVERY_S = 60
const CODES = Object.entries(OUTCOME_CODES)

export const driverMemory: Soak = {
  name: 'driver-memory',
  title: 'Memory of the driver over a long run',
  plan: ({ seconds }) =>
    `drives ${formatCount(RATE_PER_S)} events/s for ${String(seconds)} s at a sink that only counts, and looks at the driver's memory every second`,
  estimateS: ({ seconds }) => seconds + DRAIN_S + 5,
  run,
}

interface Driven {
  readonly samples: readonly RssSample[]
  readonly result: DriverResult
  readonly answered: number
  readonly outcomes: Readonly<Record<string, number>>
}

async function run(options: SoakOptions): Promise<SoakFindings> {
  await using scope = new Scope()
  const dir = await mkdtemp(join(tmpdir(), 'headroom-soak-driver-'))
  scope.defer(() => rm(dir, { recursive: true, force: true }))
  const sink = scope.use(await startSink(options.signal))
  const job = jobFor({ url: sink.url, dir, options })
  const { samples, result } = await drive(job, options)
  const answered = await sink.requests()
  return findings({ samples, result, answered, outcomes: await countOutcomes(job, options.signal) })
}

function jobFor(where: {
  readonly url: string
  readonly dir: string
  readonly options: SoakOptions
}): DriverJob {
  const { url, dir, options } = where
  const rate = { fromPerS: RATE_PER_S, toPerS: RATE_PER_S }
  return {
    stream: {
      source: 'generated',
      shape: 'billing',
      seed: options.seed,
      events: EventPopulation.parse({}),
    },
    eventEpochMs: Date.UTC(2026, 0, 1),
    segments: [{ name: 'soak', kind: 'measure', fromS: 0, toS: options.seconds, ...rate }],
    recordedPace: null,
    spacing: 'poisson',
    seed: options.seed,
    batchEvents: 1,
    url,
    connections: 64,
    inFlightRequestsMax: 4_096,
    requestTimeoutMs: 5_000,
    client: 'raw',
    pacing: 'auto',
    drainS: DRAIN_S,
    queries: [],
    headers: {},
    outcomesFile: join(dir, 'outcomes.bin'),
    exceptionsFile: join(dir, 'exceptions.ndjson'),
  }
}

async function drive(
  job: DriverJob,
  { signal, log }: SoakOptions,
): Promise<{ readonly samples: readonly RssSample[]; readonly result: DriverResult }> {
  const ignore = (): void => undefined
  await using driver = await startDriver(job, { signal, log, onWindow: ignore, onQuery: ignore })
  const epochMs = performance.timeOrigin + performance.now() + LEAD_MS
  driver.go(epochMs)
  const samples: RssSample[] = []
  let looking = Promise.resolve()
  const look = async (): Promise<void> => {
    const rssBytes = await residentBytes(driver.part.pids())
    if (rssBytes === 0) return
    const atS = (performance.timeOrigin + performance.now() - epochMs) / 1_000
    samples.push({ atS, rssBytes })
    if (samples.length % TALK_EVERY_S === 1) {
      log(`driver-memory: ${String(Math.round(atS))} s, driver has ${formatBytes(rssBytes)}`)
    }
  }
  const timer = setInterval(() => {
    looking = looking.then(look)
  }, SAMPLE_MS)
  try {
    return { samples, result: await driver.result }
  } finally {
    clearInterval(timer)
    await looking
  }
}

async function residentBytes(pids: readonly number[]): Promise<number> {
  if (process.platform !== 'linux') {
    return (await readPsRows(pids)).reduce((sum, row) => sum + row.residentBytes, 0)
  }
  let sum = 0
  for (const pid of pids) {
    // It may end between the list and the look.
    const status = await readFile(`/proc/${String(pid)}/status`, 'utf8').catch(() => '')
    sum += parseKiB(status, 'VmRSS') ?? 0
  }
  return sum
}

async function countOutcomes(
  job: DriverJob,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const byCode = new Array<number>(CODES.length).fill(0)
  const outcomes = await openOutcomes(job)
  for await (const block of outcomes.blocks(signal)) {
    for (const code of block.outcomes) byCode[code] = (byCode[code] ?? 0) + 1
  }
  return Object.fromEntries(CODES.map(([name, code]) => [name, byCode[code] ?? 0]))
}

function findings(driven: Driven): SoakFindings {
  const { samples, result, answered, outcomes } = driven
  const trend = memoryTrend(samples)
  const [segment] = result.segments
  if (segment === undefined) throw new Error('the driver reported no segment')
  const { counts, dueEvents } = segment
  const minutes = perMinute(samples)
  return {
    criteria: [
      ...memoryCriteria(trend, result.driver.maxRssBytes),
      ...outcomeCriteria(driven, segment),
    ],
    tables: [
      {
        title: 'Resident memory of the driver, minute by minute',
        columns: ['minute', 'median', 'highest'],
        rows: minutes.map(({ minute, medianBytes, maxBytes }) => [
          String(minute + 1),
          formatBytes(medianBytes),
          formatBytes(maxBytes),
        ]),
      },
      {
        title: 'Events by outcome',
        columns: ['due', ...Object.keys(counts)],
        rows: [[dueEvents, ...Object.values({ ...counts })].map(formatCount)],
      },
    ],
    notes: [
      `The driver used ${result.driver.cpuS.toFixed(0)} s of CPU in ${result.driver.wallS.toFixed(0)} s, paced by ${result.driver.pacing}.`,
    ],
    data: { trend, minutes, dueEvents, counts, outcomes, answered, driver: result.driver },
  }
}

function memoryCriteria(
  trend: ReturnType<typeof memoryTrend>,
  ownMaxBytes: number,
): readonly Criterion[] {
  const maxBytes = Math.max(trend.maxBytes, ownMaxBytes)
  const stretch = `${String(Math.round(trend.fromS))} s to ${String(Math.round(trend.toS))} s`
  return [
    {
      what: 'highest resident memory of the driver, of the samples and of the kernel’s own mark',
      limit: `≤ ${formatBytes(RSS_BYTES_MAX)}`,
      seen: formatBytes(maxBytes),
      met: maxBytes <= RSS_BYTES_MAX,
    },
    {
      what: `rise of the least-squares line through the samples from ${stretch}`,
      limit: `< ${formatBytes(RISE_BYTES_MAX)}`,
      seen: signed(trend.riseBytes),
      met: trend.riseBytes < RISE_BYTES_MAX,
    },
    {
      what: 'median of the last quarter of that stretch less the median of its first quarter',
      limit: `< ${formatBytes(RISE_BYTES_MAX)}`,
      seen: signed(trend.quarterRiseBytes),
      met: trend.quarterRiseBytes < RISE_BYTES_MAX,
    },
  ]
}

function outcomeCriteria(
  { result, answered, outcomes }: Driven,
  { counts, dueEvents }: DriverResult['segments'][number],
): readonly Criterion[] {
  const accepted = outcomes['accepted'] ?? 0
  const unknown = outcomes['unknown'] ?? 0
  const recorded = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
  const acceptedRatio = accepted / dueEvents
  const inFile = Object.entries(counts).every(([name, count]) => outcomes[name] === count)
  return [
    {
      what: 'share of the due events that were sent and accepted: the rate was really driven',
      limit: `≥ ${formatRatio(ACCEPTED_RATIO_MIN)}`,
      seen: formatRatio(acceptedRatio),
      met: acceptedRatio >= ACCEPTED_RATIO_MIN,
    },
    {
      what: 'records in the outcome file, one for every due event',
      limit: formatCount(dueEvents),
      seen: formatCount(recorded),
      met: recorded === dueEvents && result.requests === dueEvents,
    },
    {
      what: 'outcome file and histograms count the same',
      limit: 'every kind',
      seen: inFile ? 'every kind' : JSON.stringify({ counts, outcomes }),
      met: inFile,
    },
    {
      // What was sent and timed out may have been answered too late.
      what: 'requests the sink answered: no fewer than accepted, no more than accepted and unknown',
      limit: `${formatCount(accepted)} to ${formatCount(accepted + unknown)}`,
      seen: formatCount(answered),
      met: answered >= accepted && answered <= accepted + unknown,
    },
  ]
}

function signed(bytes: number): string {
  return bytes < 0 ? `−${formatBytes(-bytes)}` : `+${formatBytes(bytes)}`
}
