/** kill -9 in the middle of a run: what was acknowledged survives where `promises` says so, and loss is counted. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Part } from '../../src/architecture/part.ts'
import { auditRun } from '../../src/audit/audit.ts'
import { openOutcomes } from '../../src/audit/outcomes.ts'
import { startDriver } from '../../src/drive/driver.ts'
import type { DriverResult } from '../../src/drive/job.ts'
import { silentLog } from '../../src/kit/log.ts'
import type { Audit } from '../../src/results/record.ts'
import { Scenario } from '../../src/scenario/scenario.ts'
import { driverJob, planRun } from '../../src/study/run-plan.ts'
import { architectures } from '../../src/target/registry.ts'
import { startRig } from './architecture-rig.ts'

const scenario = Scenario.parse({
  name: 'kills',
  seed: 20_261_121,
  rate: { kind: 'constant', ratePerS: 400 },
  spacing: 'poisson',
  phases: { warmupS: 0, measureS: 5, drainS: 6 },
  requestTimeoutMs: 3_000,
  events: { duplicateRatio: 0.02 },
})

interface Killed {
  readonly result: DriverResult
  readonly audit: Audit
  readonly victim: Part
}

/** Runs the scenario, kills the named part two seconds in, starts it again half a second later, audits. */
async function killDuringRun(architecture: string, victimName: string): Promise<Killed> {
  const dir = mkdtempSync(join(tmpdir(), 'headroom-kill-'))
  try {
    await using rig = await startRig(architecture)
    const { up } = rig
    const parts: readonly Part[] = [
      ...up.running.parts,
      ...up.engines.flatMap(({ engine }) => engine.parts),
    ]
    const victim = parts.find((part) => part.name === victimName)
    if (victim === undefined) throw new Error(`${architecture} has no part ${victimName}`)
    const plan = await planRun(scenario, dir, new Date())
    const files = {
      outcomesFile: join(dir, 'outcomes.bin'),
      exceptionsFile: join(dir, 'exceptions.ndjson'),
    }
    const signal = AbortSignal.timeout(120_000)
    await using driver = await startDriver(
      driverJob(scenario, plan, { url: up.running.ingestUrl.href, ...files }),
      { signal, log: silentLog, onWindow: () => {}, onQuery: () => {} },
    )
    driver.go(performance.timeOrigin + performance.now() + 200)
    await delay(2_200)
    await victim.fault('kill')
    expect(victim.pids()).toEqual([])
    await delay(500)
    await victim.fault('restart')
    const result = await driver.result
    // A fire-and-forget writer may still be emptying its queue.
    await delay(1_500)
    const dueEvents = result.segments.reduce((sum, segment) => sum + segment.dueEvents, 0)
    const outcomes = await openOutcomes({ ...files, batchEvents: 1, events: dueEvents })
    const audit = await auditRun({
      stores: up.running.stores,
      promises: up.promises.stores,
      stream: plan.stream,
      outcomes,
      preloadedRows: 0,
      worstFault: 'process-kill',
      signal,
    })
    return { result, audit, victim }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const cases = architectures.flatMap(({ id, needs }) =>
  ['service', ...Object.values(needs)].map((victim) => ({ id, victim })),
)

describe.each(cases)('$id after kill -9 of its $victim', ({ id, victim }) => {
  it('holds what it acknowledged as far as it promises, and the rest is counted', async () => {
    const { result, audit } = await killDuringRun(id, victim)
    const [segment] = result.segments
    if (segment === undefined) throw new Error('the run has a segment')
    const { counts, dueEvents } = segment
    // Every due event has exactly one outcome.
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(dueEvents)
    // It worked before the kill and works again after the restart.
    expect(counts.accepted).toBeGreaterThan(dueEvents * 0.4)
    for (const store of audit.stores) {
      expect(store.verdict, `${store.store}: ${store.because}`).not.toBe('broken')
      expect(store.storedRows).toBeGreaterThan(0)
      expect(store.lost).toHaveLength(Math.min(store.lostEvents, store.listLimit))
    }
    expect(audit.passed).toBe(true)
  })
})

describe('dual-write after kill -9 of its clickhouse', () => {
  it('loses events of the secondary, by count and by name, and none of the primary', async () => {
    const { audit } = await killDuringRun('dual-write', 'clickhouse')
    const postgres = audit.stores.find(({ store }) => store.startsWith('postgres'))
    const clickhouse = audit.stores.find(({ store }) => store.startsWith('clickhouse'))
    expect(postgres?.lostEvents).toBe(0)
    expect(clickhouse?.lostEvents).toBeGreaterThan(0)
    expect(clickhouse?.lost.length).toBeGreaterThan(0)
    expect(clickhouse?.verdict).toBe('as-promised')
    expect(audit.divergedBetweenStores).toBeGreaterThanOrEqual(clickhouse?.lostEvents ?? Infinity)
  })
})
