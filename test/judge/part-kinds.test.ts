import { describe, expect, it } from 'vitest'
import { figureOf } from '../../src/judge/figures.ts'
import { evidenceOf } from '../../src/judge/evidence.ts'
import { partKind } from '../../src/judge/part-kinds.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { studyFixture } from '../fixtures/study.ts'

type Parts = NonNullable<Extract<RunRecord['outcome'], { state: 'completed' }>['measured']['parts']>

function runWith(parts: Parts | undefined, cpu: Readonly<Record<string, number>> = {}): RunRecord {
  const { runs } = studyFixture({
    targets: ['pg-direct'],
    rounds: 1,
    ratesPerS: [1_000],
    tweak: (run) => {
      if (run.outcome.state !== 'completed') throw new Error('the fixture completes')
      const { measured } = run.outcome
      const metrics = Object.fromEntries(
        Object.entries(cpu).map(([part, ms]) => [`cpu.msPer1000Events{${part}}`, ms]),
      )
      const steps = measured.steps.map((step) => ({ ...step, metrics }))
      const changed = { ...measured, steps, ...(parts === undefined ? {} : { parts }) }
      return { ...run, outcome: { ...run.outcome, measured: changed } }
    },
  })
  return runs[0]!
}

describe('the kind of a part', () => {
  it('is what the run recorded, whatever the part is called', () => {
    const run = runWith([
      { name: 'claimer-1', kind: 'worker' },
      { name: 'follower', kind: 'engine' },
    ])
    expect(
      ['claimer-1', 'follower', 'driver', 'docker-proxy'].map((one) => partKind(run, one)),
    ).toEqual(['worker', 'engine', 'harness', 'harness'])
  })

  it('follows from names in records that did not keep it', () => {
    const run = runWith(undefined)
    expect(
      ['service', 'worker-2', 'postgres', 'database-2'].map((one) => partKind(run, one)),
    ).toEqual(['service', 'worker', 'engine', 'engine'])
  })

  it('decides whose CPU it is: workers serve, replicas and poolers are engines, the driver is nobody’s', () => {
    const cpu = { service: 10, 'claimer-1': 5, postgres: 20, follower: 7, pooler: 1, driver: 100 }
    const run = runWith(
      [
        { name: 'service', kind: 'service' },
        { name: 'claimer-1', kind: 'worker' },
        { name: 'postgres', kind: 'engine' },
        { name: 'follower', kind: 'engine' },
        { name: 'pooler', kind: 'engine' },
      ],
      cpu,
    )
    const [round] = evidenceOf('pg-direct', [run]).rounds
    expect(figureOf(round!, 'cpu.msPer1000Events{service}', 1_000)).toBe(15)
    expect(figureOf(round!, 'cpu.msPer1000Events{engine}', 1_000)).toBe(28)
  })
})
