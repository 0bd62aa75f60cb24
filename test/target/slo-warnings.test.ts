import { describe, expect, it } from 'vitest'
import { Scenario } from '../../src/scenario/scenario.ts'
import { loadTargets } from '../../src/target/load.ts'
import { sloWarnings } from '../../src/target/slo-warnings.ts'
import { Target } from '../../src/target/target.ts'

const own = Target.parse({
  kind: 'service',
  name: 'mine',
  url: 'http://127.0.0.1:1',
  audit: { by: 'none' },
  queries: ['Q1'],
})

function warnings(targets: readonly Target[], ...metrics: readonly string[]): readonly string[] {
  const scenario = Scenario.parse({
    name: 'x',
    seed: 1,
    rate: { kind: 'constant', ratePerS: 1 },
    phases: { measureS: 5 },
    slos: metrics.map((metric) => ({ metric, max: 1 })),
  })
  return sloWarnings(targets, scenario)
}

describe('an SLO that can never be measured', () => {
  it('is told of a store that the target does not have, with those it has', () => {
    expect(
      warnings(
        loadTargets('dual-write,pg-direct'),
        'freshness.p99Us{postgres.events}',
        'freshness.p99Us{clickhouse.events_raw}',
        'backlog.events{postgres.event}',
      ),
    ).toEqual([
      'dual-write: the SLO backlog.events{postgres.event} will not be measured: its stores are postgres.events, clickhouse.events_raw',
      'pg-direct: the SLO freshness.p99Us{clickhouse.events_raw} will not be measured: its stores are postgres.events',
      'pg-direct: the SLO backlog.events{postgres.event} will not be measured: its stores are postgres.events',
    ])
  })

  it('is told of a service of the user’s own: freshness, and queries it is not asked', () => {
    const said = warnings(
      [own],
      'freshness.p99Us{mine.none}',
      'query.seconds{Q1}',
      'query.seconds{Q4}',
    )
    expect(said).toEqual([
      'mine: the SLO freshness.p99Us{mine.none} will not be measured: the stores of a service of your own are not polled',
      'mine: the SLO query.seconds{Q4} will not be measured: Q4 is not asked; list it under queries if the service answers it',
    ])
  })

  it('is nothing where each may be', () => {
    expect(
      warnings([own, ...loadTargets('pg-direct')], 'latency.p99Us', 'query.seconds{Q1}'),
    ).toEqual([])
  })
})
