/**
 * A fault scenario that ships, in small: the real command on real engines. In: its name, the target it is put on, and what must
 * be true of it. Out: for that the record of the run, its series, and what of it was lost, by id.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { openOutcomes } from '../../src/audit/outcomes.ts'
import { ACK_UNIT_US, OUTCOME_CODES } from '../../src/drive/job.ts'
import { ERROR_EXIT_CODES, messageOf } from '../../src/kit/errors.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import type { Audit } from '../../src/results/audit-record.ts'
import type { FaultSeen } from '../../src/results/fault-record.ts'
import type { Measured, RunRecord, SeriesLine } from '../../src/results/record.ts'
import { seriesLines } from '../../src/results/series.ts'
import { readStudy } from '../../src/results/store.ts'
import type { Fault } from '../../src/scenario/fault.ts'
import { latestS } from '../../src/scenario/fault.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import type { Scenario } from '../../src/scenario/scenario.ts'
import { EXCEPTIONS_FILE, OUTCOMES_FILE } from '../../src/study/live-run.ts'
import { planRun } from '../../src/study/run-plan.ts'
import { loadTarget } from '../../src/target/load.ts'
import type { Target } from '../../src/target/target.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'

const SCALE = 0.25
/** A fault needs calm before it (scenario/fault-findings.ts). */
const FIRST_AT_S = 2.2
const RATE_PER_S = 250
const ROWS_MAX = 2_000
/** Recovery takes its time however short the fault is. */
const BACK_WITHIN_S = 5
/** All is well, something was not as before when the run ended, or the machine was too busy. */
const EXIT_CODES = new Set<number>([
  0,
  ERROR_EXIT_CODES.THRESHOLD_BROKEN,
  ERROR_EXIT_CODES.DRIVER_SATURATED,
])

export interface FaultCase {
  readonly scenario: string
  /** The target it is meant for, by name or path from the package's root. */
  readonly target: string
  /** What its faults last at least: what they do needs this long. */
  readonly leastFaultS?: number
  /** When the first begins at least, and what is sent before: where more than a calm second is compared with. */
  readonly firstAtS?: number
  /** Instead of the scenario's own. */
  readonly batchEvents?: number
  readonly ratePerS?: number
  /** How long it is watched afterwards. */
  readonly backWithinS?: number
  readonly events?: Partial<Scenario['events']>
  /** Instead of the target's own. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** By role: instead of the target's own. */
  readonly engines?: Readonly<Record<string, Readonly<Record<string, string | number>>>>
}

export interface Met {
  readonly record: RunRecord
  readonly exitCode: number | null
  readonly measured: Measured
  readonly audit: Audit
  readonly faults: readonly FaultSeen[]
  readonly series: readonly SeriesLine[]
  /** The report, as Markdown. */
  readonly markdown: string
  /** Where its outcomes lie. */
  readonly runDir: string
}

/** What must be true. */
export interface Expected extends FaultCase {
  /** A second target that is given the same, to be compared with. */
  readonly comparedWith?: string
  /** Of every run, whatever the machine did: what was promised of acknowledged events. */
  readonly keeps: (met: Met) => void | Promise<void>
  /** What needs the machine's time besides: recovery, and what the fault is about. */
  readonly check: (met: Met, other: Met | null) => void | Promise<void>
}

/**
 * What is not seen is looked for once more, for longer: a busy machine disturbs seconds of its own. What never happens does not
 * happen then either. A run that does not come to its end, or loses what it promised to keep, gets no second one.
 */
export async function metFault(expected: Expected): Promise<void> {
  const first = await kept(expected, 1)
  try {
    await expected.check(...first)
  } catch (error) {
    console.warn(`${expected.scenario} on ${expected.target}, once more: ${messageOf(error)}`)
    await expected.check(...(await kept(expected, 2)))
  }
}

async function kept(expected: Expected, patience: number): Promise<readonly [Met, Met | null]> {
  const { comparedWith } = expected
  const met = await run(expected, patience)
  await expected.keeps(met)
  if (comparedWith === undefined) return [met, null]
  const other = await run({ ...expected, target: comparedWith }, patience)
  await expected.keeps(other)
  return [met, other]
}

async function run(wanted: FaultCase, patience: number): Promise<Met> {
  const folder = temporaryFolder()
  onTestFinished(folder.remove)
  // JSON is YAML.
  const write = (file: string, value: unknown): void => {
    writeFileSync(join(folder.path, file), JSON.stringify(value))
  }
  write('short.yaml', shorter(wanted, patience))
  write('target.yaml', changed(wanted))
  const { exitCode, stdout, stderr } = await headroom(
    ['run', './short.yaml', '--target', './target.yaml'],
    {
      cwd: folder.path,
    },
  )
  const { runs } = await readStudy('latest', folder.path).catch((cause: unknown) => {
    throw new Error(stderr, { cause })
  })
  // A void run is made again behind all others.
  const last = runs.at(-1)
  if (last === undefined) throw new Error(stderr)
  const { record, dir, seriesFile } = last
  const { outcome } = record
  // One that was void twice is a noisy machine: it was audited, and its exit code is one of those that are looked at again.
  const isAudited = outcome.state === 'completed' || outcome.state === 'void'
  if (!isAudited || !EXIT_CODES.has(exitCode ?? Number.NaN)) {
    const audit = 'audit' in outcome ? JSON.stringify(outcome.audit) : ''
    throw new Error(`${outcome.state}, exit code ${String(exitCode)}: ${audit} ${stderr}`)
  }
  const { measured, audit } = outcome
  const series: SeriesLine[] = []
  if (seriesFile !== null) for await (const line of seriesLines(seriesFile)) series.push(line)
  const faults = measured.faults ?? []
  const report = /^report\s+(.*)index\.html$/m.exec(stdout)?.[1] ?? ''
  const markdown = readFileSync(join(resolve(folder.path, report), 'report.md'), 'utf8')
  return { record, exitCode, measured, audit, faults, series, markdown, runDir: dir }
}

function shorter(wanted: FaultCase, patience: number): Scenario {
  const { scenario } = loadScenario(wanted.scenario)
  const { phases, rate } = scenario
  const backWithinS = (wanted.backWithinS ?? BACK_WITHIN_S) * patience
  const faults = placed(scenario.faults, wanted, backWithinS)
  const measureS =
    faults.length === 0
      ? (phases.measureS ?? 0) * SCALE * patience
      : Math.max(...faults.map(endS)) + backWithinS
  const asked = rate.kind === 'constant' ? Math.min(rate.ratePerS, RATE_PER_S) : RATE_PER_S
  const ratePerS = wanted.ratePerS ?? asked
  return {
    ...scenario,
    rate: { kind: 'constant', ratePerS },
    batchEvents: wanted.batchEvents ?? scenario.batchEvents,
    phases: { ...phases, warmupS: 1, measureS },
    events: { ...scenario.events, ...wanted.events },
    initialRows: Math.min(scenario.initialRows, ROWS_MAX),
    rounds: 1,
    faults,
  }
}

function scaled(fault: Fault, { firstAtS = FIRST_AT_S, leastFaultS = 0.5 }: FaultCase): Fault {
  return {
    ...moved(fault, (s) => Math.max(firstAtS, s * SCALE)),
    lengthS: Math.max(leastFaultS, fault.lengthS * SCALE),
  }
}

/**
 * Each begins when there was time to recover from the one before: one's end would take back the other's begin. One that begins
 * while the one before lasts keeps its distance from that.
 */
function placed(faults: readonly Fault[], wanted: FaultCase, betweenS: number): Fault[] {
  const done: Fault[] = []
  for (const [at, fault] of faults.entries()) {
    const [asked, before] = [faults[at - 1], done.at(-1)]
    const short = scaled(fault, wanted)
    if (asked === undefined || before === undefined) done.push(short)
    else if (earliestS(fault) < endS(asked)) {
      const distanceS = earliestS(fault) - earliestS(asked)
      done.push({ ...short, atS: earliestS(before) + distanceS })
    } else {
      const lateS = Math.max(0, endS(before) + betweenS - earliestS(short))
      done.push(moved(short, (s) => s + lateS))
    }
  }
  return done
}

function moved(fault: Fault, to: (s: number) => number): Fault {
  const { atS } = fault
  return { ...fault, atS: typeof atS === 'number' ? to(atS) : [to(atS[0]), to(atS[1])] }
}

function earliestS({ atS }: Fault): number {
  return typeof atS === 'number' ? atS : Math.min(...atS)
}

function endS(fault: Fault): number {
  return latestS(fault) + fault.lengthS
}

/** By name, or by its path from the package's root. */
export function targetOf({ target }: Pick<FaultCase, 'target'>): Target {
  return loadTarget(target.endsWith('.yaml') ? join(packageRoot, target) : target)
}

function changed({ target, settings, engines = {} }: FaultCase): Target {
  const loaded = targetOf({ target })
  if (loaded.kind !== 'architecture') throw new Error(`${target} is no architecture`)
  const own = Object.entries(engines).map(([role, more]) => {
    const choice = loaded.engines[role]
    return [role, { ...choice, settings: { ...choice?.settings, ...more } }] as const
  })
  return {
    ...loaded,
    settings: { ...loaded.settings, ...settings },
    engines: { ...loaded.engines, ...Object.fromEntries(own) },
  }
}

/** Of one gauge or counter: every look at it between two moments, ms after the run's epoch. */
export function looksAt(
  { series }: Met,
  key: string,
  fromMs = -Infinity,
  toMs = Infinity,
): readonly number[] {
  return series.filter(({ t }) => t > fromMs && t <= toMs).flatMap(({ v }) => v[key] ?? [])
}

/** @throws where nobody looked: nothing can be said then */
export function highest(met: Met, key: string, fromMs?: number, toMs?: number): number {
  return Math.max(...someLooksAt(met, key, fromMs, toMs))
}

/** @throws where nobody looked */
export function lowest(met: Met, key: string, fromMs?: number, toMs?: number): number {
  return Math.min(...someLooksAt(met, key, fromMs, toMs))
}

function someLooksAt(
  met: Met,
  key: string,
  fromMs = -Infinity,
  toMs = Infinity,
): readonly number[] {
  const looks = looksAt(met, key, fromMs, toMs)
  if (looks.length > 0) return looks
  throw new Error(`nobody looked at ${key} from ${String(fromMs)} to ${String(toMs)} ms`)
}

/** When it was first more than `limit`, ms after the run's epoch; null: never. */
export function firstAbove({ series }: Met, key: string, limit: number): number | null {
  return series.find(({ v }) => (v[key] ?? -Infinity) > limit)?.t ?? null
}

export interface Lost {
  /** When each event that is in no store was acknowledged, ms after the epoch, by id. */
  readonly ackMsById: ReadonlyMap<string, number>
  readonly answeredEvents: number
}

/** Told from the driver's own notes: the audit says which ids are missing, the driver when it was answered about each. */
export async function lostByAck({ record, audit, runDir }: Met): Promise<Lost> {
  const { scenario } = record
  const outcomes = await openOutcomes({
    outcomesFile: join(runDir, OUTCOMES_FILE),
    exceptionsFile: join(runDir, EXCEPTIONS_FILE),
    batchEvents: scenario.batchEvents,
  })
  const { stream } = await planRun(scenario, packageRoot, new Date())
  const lost = new Set(audit.stores.flatMap((store) => store.lost))
  const ackMsById = new Map<string, number>()
  let answeredEvents = 0
  for await (const block of outcomes.blocks(new AbortController().signal)) {
    for (const [at, code] of block.outcomes.entries()) {
      if (code !== OUTCOME_CODES.accepted) continue
      answeredEvents++
      const index = block.firstIndex + at
      const id = `${stream.sourceOf(index)}/${stream.idOf(index)}`
      if (lost.has(id)) ackMsById.set(id, ((block.ackUnits[at] ?? 0) * ACK_UNIT_US) / 1_000)
    }
  }
  return { ackMsById, answeredEvents }
}
