/** Every fault scenario that ships, at a third of its length: what it takes away comes back, and the audit says what was lost. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FaultSeen } from '../../src/results/fault-record.ts'
import { RunRecord } from '../../src/results/record.ts'
import { openOutcomes } from '../../src/audit/outcomes.ts'
import { ACK_UNIT_US, OUTCOME_CODES } from '../../src/drive/job.ts'
import { EXCEPTIONS_FILE, OUTCOMES_FILE } from '../../src/study/live-run.ts'
import { planRun } from '../../src/study/run-plan.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import type { Fault } from '../../src/scenario/fault.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import type { Scenario } from '../../src/scenario/scenario.ts'
import { SKIPPED } from '../contract/architecture-rig.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

const SCALE = 0.35
/** A fault needs calm before it (scenario/fault-findings.ts). */
const FIRST_AT_S = 2.2

function scaled(fault: Fault): Fault {
  const at = (s: number): number => Math.max(FIRST_AT_S, s * SCALE)
  const atS =
    typeof fault.atS === 'number'
      ? at(fault.atS)
      : ([at(fault.atS[0]), at(fault.atS[1])] as [number, number])
  return { ...fault, atS, lengthS: Math.max(0.5, fault.lengthS * SCALE) }
}

function shorter(scenario: Scenario): Scenario {
  const { phases, rate, faults } = scenario
  const ratePerS = rate.kind === 'constant' ? Math.min(rate.ratePerS, 250) : 250
  // Recovery takes its time however short the fault is; a restore begins a server anew.
  const backWithinS = faults.some(({ kind }) => kind === 'restore') ? 9 : 3
  return {
    ...scenario,
    rate: { kind: 'constant', ratePerS },
    phases: { ...phases, warmupS: 1, measureS: (phases.measureS ?? 20) * SCALE + backWithinS },
    initialRows: Math.min(scenario.initialRows, 2_000),
    rounds: 1,
    faults: faults.map(scaled),
  }
}

interface Met {
  readonly record: RunRecord
  readonly faults: readonly FaultSeen[]
  readonly lostEvents: number
  readonly verdicts: readonly string[]
  /** Where its outcomes lie. */
  readonly runDir: string
}

async function met(name: string, target: string): Promise<Met> {
  const { scenario } = loadScenario(name)
  // JSON is YAML.
  writeFileSync(join(folder.path, 'short.yaml'), JSON.stringify(shorter(scenario)))
  const { stderr } = await headroom(['run', './short.yaml', '--target', target], {
    cwd: folder.path,
  })
  const file = readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).find((one) =>
    one.endsWith('run.json'),
  )
  if (file === undefined) throw new Error(stderr)
  const record = RunRecord.parse(JSON.parse(readFileSync(join(folder.path, file), 'utf8')))
  const { outcome } = record
  if (outcome.state !== 'completed') {
    throw new Error(`${outcome.state} ${JSON.stringify('audit' in outcome ? outcome.audit : '')}`)
  }
  return {
    record,
    faults: outcome.measured.faults ?? [],
    lostEvents: outcome.audit.stores.reduce((sum, { lostEvents }) => sum + lostEvents, 0),
    verdicts: outcome.audit.stores.map(({ verdict }) => verdict),
    runDir: join(folder.path, dirname(file)),
  }
}

/** Fault scenarios, the target each is meant for, and what is true of it besides that every fault was put. */
const MET: Readonly<
  Record<string, { readonly target: string; readonly check: (met: Met) => void | Promise<void> }>
> = {
  'fault-accident': {
    target: 'pg-batch-archived',
    check: async (met) => {
      const { faults, verdicts } = met
      // Everything that was answered before the accident is there.
      expect(await keptUntilMs(met)).toBeGreaterThanOrEqual(faults[0]?.fromMs ?? Infinity)
      // The preloaded rows were deleted too: an audit that misses one of them is broken.
      expect(verdicts.every((verdict) => verdict !== 'broken')).toBe(true)
      expect(faults[0]?.wholeMs).not.toBeNull()
    },
  },
  'fault-cache-killed': { target: 'eav', check: losesNothing },
  'fault-database-killed': { target: 'pg-direct', check: losesNothing },
  'fault-disk-lost': {
    target: 'pg-batch-archived',
    check: async (met) => {
      const { faults, verdicts } = met
      const until = await keptUntilMs(met)
      expect(until).toBeLessThanOrEqual(faults[0]?.fromMs ?? 0)
      // Of a moment in the run: a bound that only knows of the backup before it would excuse every loss.
      expect(until).toBeGreaterThan(0)
      expect(verdicts).not.toContain('broken')
      expect(faults[0]?.wholeMs).not.toBeNull()
    },
  },
  'fault-duplicates': { target: 'pg-batch', check: losesNothing },
  'fault-out-of-range': { target: 'pg-partitioned', check: losesNothing },
  'fault-replay-paused': {
    target: 'pg-replica',
    check: (met) => {
      losesNothing(met)
      expect(movedIn(met)).toMatch(/replica\./)
    },
  },
  'fault-replica-lag': { target: 'pg-replica', check: losesNothing },
  'fault-service-killed': { target: 'pg-batch', check: losesNothing },
  'fault-slot-stalled': {
    target: 'pg-batch-slot',
    check: (met) => {
      losesNothing(met)
      expect(movedIn(met)).toMatch(/slot\.lagBytes/)
    },
  },
  'fault-staging-crashed': {
    target: 'eav',
    check: ({ lostEvents, verdicts }) => {
      expect(verdicts).not.toContain('broken')
      // A flush every 100 ms at 250 events/s, and what a busy machine lets wait.
      expect(lostEvents).toBeLessThan(250)
    },
  },
  'fault-worker-killed': { target: 'outbox', check: losesNothing },
  'fault-xmin-outbox': {
    target: 'outbox',
    check: (met) => {
      losesNothing(met)
      expect(movedIn(met)).toMatch(/horizon\./)
      expect(answeredOf(met, 'Q11')).toBeGreaterThan(10)
    },
  },
  'fault-xmin-pinned': {
    target: 'pg-direct',
    check: (met) => {
      losesNothing(met)
      expect(movedIn(met)).toMatch(/horizon\./)
    },
  },
}

/**
 * Every lost event, by id, was answered after what the restore had to bring back; told from the driver's own notes.
 * @returns the bound, ms after the epoch
 */
async function keptUntilMs({ record, faults, runDir }: Met): Promise<number> {
  const { scenario, outcome } = record
  const until = faults[0]?.restored?.keptUntilMs
  if (until === undefined || outcome.state !== 'completed') throw new Error('nothing was restored')
  const outcomes = await openOutcomes({
    outcomesFile: join(runDir, OUTCOMES_FILE),
    exceptionsFile: join(runDir, EXCEPTIONS_FILE),
    batchEvents: scenario.batchEvents,
  })
  const { stream } = await planRun(scenario, packageRoot, new Date())
  const lost = new Set(outcome.audit.stores.flatMap((store) => store.lost))
  expect(lost.size).toBe(outcome.audit.stores.reduce((sum, { lostEvents }) => sum + lostEvents, 0))
  let answered = 0
  let found = 0
  for await (const block of outcomes.blocks(new AbortController().signal)) {
    for (const [at, code] of block.outcomes.entries()) {
      if (code !== OUTCOME_CODES.accepted) continue
      answered++
      const index = block.firstIndex + at
      if (!lost.has(`${stream.sourceOf(index)}/${stream.idOf(index)}`)) continue
      found++
      expect(((block.ackUnits[at] ?? 0) * ACK_UNIT_US) / 1_000).toBeGreaterThan(until - 10)
    }
  }
  expect(answered).toBeGreaterThan(lost.size)
  expect(found).toBe(lost.size)
  return until
}

function losesNothing({ lostEvents, verdicts }: Met): void {
  expect(lostEvents).toBe(0)
  expect(verdicts).not.toContain('broken')
}

function movedIn({ faults }: Met): string {
  return faults.flatMap(({ moved }) => moved.map(({ metric }) => metric)).join(' ')
}

function answeredOf({ record: { outcome } }: Met, query: string): number {
  if (outcome.state !== 'completed') throw new Error(outcome.state)
  const asked = outcome.measured.queries.find(({ name }) => name === query)
  expect(asked?.failed).toBe(0)
  return asked?.answered ?? 0
}

const shipped = readdirSync(join(packageRoot, 'scenarios'))
  .filter((file) => file.startsWith('fault-') && file.endsWith('.yaml'))
  .map((file) => file.replace('.yaml', ''))

describe('fault scenarios', () => {
  it('are all known here', () => {
    expect(Object.keys(MET).sort()).toEqual(shipped.sort())
  })

  it.for(Object.entries(MET))(
    '%s comes to its end',
    async ([name, { target, check }], { skip }) => {
      const missing = SKIPPED.find(({ id }) => id === target)
      if (missing !== undefined) skip(missing.because)
      const found = await met(name, target)
      const asked = loadScenario(name).scenario.faults
      expect(found.faults.map(({ failed }) => failed)).toEqual(asked.map(() => null))
      await check(found)
    },
  )
})
