/** kill -9 in the middle of a run: what was acknowledged survives where `promises` says so, and loss is counted. */
import { describe, expect, it } from 'vitest'
import type { KillRun } from '../../bench/soak/kill-run.ts'
import { components, killDuringRun, killScenario } from '../../bench/soak/kill-run.ts'
import { ENGINES, RUNNABLE } from './architecture-rig.ts'

const runs = new Map<string, Promise<KillRun>>()

/** Kills the named part two seconds in and starts it again half a second later; once, however many tests look at it. */
function killed(architecture: string, victim: string): Promise<KillRun> {
  const key = `${architecture} ${victim}`
  const run = runs.get(key) ?? killOnce(architecture, victim)
  runs.set(key, run)
  return run
}

function killOnce(architecture: string, victim: string): Promise<KillRun> {
  const signal = AbortSignal.timeout(120_000)
  const scenario = killScenario(architecture)
  const at = { killAtMs: 2_000, downMs: 500 }
  return killDuringRun({ architecture, victim, scenario, ...at, engines: ENGINES, signal })
}

const here = components.filter(({ architecture }) => RUNNABLE.some(({ id }) => id === architecture))

// Two at a time (vitest.config.ts): most of such a run is waiting for its schedule.
describe.concurrent.each(here)('$architecture after kill -9 of its $victim', (component) => {
  it('holds what it acknowledged as far as it promises, and the rest is counted', async () => {
    const run = await killed(component.architecture, component.victim)
    const { audit, counts, dueEvents } = run
    expect(run.pidsAfterKill).toEqual([])
    // Every due event has exactly one outcome.
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(dueEvents)
    // It worked before the kill and works again after the restart.
    expect(counts.accepted).toBeGreaterThan(dueEvents * 0.4)
    if (!run.scheduleEndedFirst) expect(run.acknowledgedAfterRestart).toBeGreaterThan(0)
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
    const { audit } = await killed('dual-write', 'clickhouse')
    const postgres = audit.stores.find(({ store }) => store.startsWith('postgres'))
    const clickhouse = audit.stores.find(({ store }) => store.startsWith('clickhouse'))
    expect(postgres?.lostEvents).toBe(0)
    expect(clickhouse?.lostEvents).toBeGreaterThan(0)
    expect(clickhouse?.lost.length).toBeGreaterThan(0)
    expect(clickhouse?.verdict).toBe('as-promised')
    expect(audit.divergedBetweenStores).toBeGreaterThanOrEqual(clickhouse?.lostEvents ?? Infinity)
  })
})
