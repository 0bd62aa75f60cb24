import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { z } from 'zod'
import { DATA_KINDS, dataFiles, nameOf } from '../../src/kit/data-file.ts'
import { parseYamlText } from '../../src/kit/yaml-door.ts'
import { scenarioFindings } from '../../src/scenario/consistency.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { Scenario } from '../../src/scenario/scenario.ts'

type Input = z.input<typeof Scenario>

const steps = { kind: 'steps' as const, ratesPerS: [100, 200], stepS: 3 }
const base: Input = {
  name: 'mine',
  seed: 1,
  rate: steps,
  phases: { warmupS: 1 },
  queries: [{ name: 'Q1', everyS: 1 }],
  slos: [{ metric: 'latency.p99Us', max: 50_000 }],
}

const pathsOf = (change: Partial<Input>): readonly string[] =>
  scenarioFindings(Scenario.parse({ ...base, ...change }), '.').map(({ path }) => path.join('.'))

describe('a scenario whose fields contradict each other', () => {
  it('is told apart from one that can be run', () => {
    expect(pathsOf({})).toEqual([])
  })

  it.each<readonly [string, Partial<Input>, readonly string[]]>([
    ['a length that has no effect', { phases: { measureS: 5 } }, ['phases.measureS']],
    [
      'a warm-up rate without a warm-up',
      { phases: { warmupS: 0, warmupPerS: 5 } },
      ['phases.warmupPerS'],
    ],
    ['no length at all', { rate: { kind: 'ramp', fromPerS: 1, toPerS: 2 } }, ['phases.measureS']],
    ['nothing that could break', { stop: 'at-first-broken-slo', slos: [] }, ['stop']],
    [
      'steps that do not rise',
      { stop: 'at-first-broken-slo', rate: { ...steps, ratesPerS: [200, 100] } },
      ['rate.ratesPerS'],
    ],
    [
      'a peak below the base',
      {
        rate: { kind: 'spike', basePerS: 9, peakPerS: 5, atS: 1, lengthS: 1 },
        phases: { measureS: 9 },
      },
      ['rate.peakPerS'],
    ],
    [
      'a window longer than a step',
      { slos: [{ metric: 'latency.p99Us', max: 1, windowS: 9 }] },
      ['slos.0.windowS'],
    ],
    [
      'a read of an entity that events are not about',
      { queries: [{ name: 'entity', everyS: 1 }] },
      ['queries.0.name'],
    ],
    ['an unknown metric', { slos: [{ metric: 'latency.p98Us', max: 1 }] }, ['slos.0.metric']],
    ['a label too few', { slos: [{ metric: 'query.seconds', max: 1 }] }, ['slos.0.metric']],
    ['a label too many', { slos: [{ metric: 'latency.p99Us{x}', max: 1 }] }, ['slos.0.metric']],
    ['a query never asked', { slos: [{ metric: 'query.seconds{Q3}', max: 1 }] }, ['slos.0.metric']],
    [
      'a maximum of what should be high',
      { slos: [{ metric: 'rate.acceptedEventsPerS', max: 1 }] },
      ['slos.0.metric'],
    ],
    [
      'a query listed twice',
      {
        queries: [
          { name: 'Q1', everyS: 1 },
          { name: 'Q1', everyS: 2 },
        ],
      },
      ['queries.1.name'],
    ],
    [
      'a request too large',
      { batchEvents: 100_000, events: { payloadBytes: 5_000 } },
      ['batchEvents'],
    ],
    ['idle connections', { connections: 64, inFlightRequestsMax: 8 }, ['inFlightRequestsMax']],
    [
      'a setting its shape does not have',
      { shapeSettings: { critical: 1 } },
      ['shapeSettings.critical'],
    ],
    [
      'a share beyond all of it',
      { shape: 'eav', shapeSettings: { criticalRatio: 2 } },
      ['shapeSettings.criticalRatio'],
    ],
    ['duplicates of nothing', { events: { duplicateRatio: 1 } }, ['events.duplicateRatio']],
    [
      'more events than there are indexes',
      {
        rate: { kind: 'constant', ratePerS: 5_000_000 },
        phases: { measureS: 1_000_000 },
        batchEvents: 100,
      },
      ['rate.ratePerS'],
    ],
  ])('names the field: %s', (_, change, paths) => {
    expect(pathsOf(change)).toEqual(paths)
  })
})

describe('scenarios that ship', () => {
  it.each(dataFiles(DATA_KINDS.scenario).map((file) => ({ name: nameOf(file), file })))(
    '$name is right and carries the name of its file',
    ({ name, file }) => {
      expect(loadScenario(file).scenario.name).toBe(name)
    },
  )

  it('take another rate, another number of rounds and of rows from the command line', () => {
    const { scenario } = loadScenario('quick', { rounds: 2, initialRows: 5, ratesPerS: [10, 20] })
    expect(scenario).toMatchObject({ rounds: 2, initialRows: 5, rate: { ratesPerS: [10, 20] } })
    expect(loadScenario('smoke', { ratesPerS: [50] }).scenario.rate).toMatchObject({ ratePerS: 50 })
    expect(() => loadScenario('quick', { ratesPerS: [20, 10] })).toThrow(/cannot be run like this/)
    expect(() => loadScenario('ramp', { ratesPerS: [20] })).toThrow(/--rates does not fit/)
  })
})

describe('YAML of a scenario', () => {
  const perS = fc.integer({ min: 1, max: 100_000 })
  const ratio = fc.double({ min: 0, max: 0.99, noNaN: true })
  const scenarios = fc.record({
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,11}$/),
    description: fc.string(),
    seed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    rate: fc.oneof(
      fc.record({ kind: fc.constant('constant' as const), ratePerS: perS }),
      fc.record({
        kind: fc.constant('steps' as const),
        ratesPerS: fc.array(perS, { minLength: 1, maxLength: 8 }),
        stepS: fc.integer({ min: 1, max: 60 }),
      }),
    ),
    spacing: fc.constantFrom('even' as const, 'poisson' as const),
    phases: fc.record({
      warmupS: fc.integer({ min: 1, max: 60 }),
      measureS: fc.integer({ min: 1 }),
    }),
    events: fc.record({ duplicateRatio: ratio, lateRatio: ratio, compressibleRatio: ratio }),
    rounds: fc.integer({ min: 1, max: 9 }),
  })

  it('reads back as what was written, whatever stands in it', () => {
    fc.assert(
      fc.property(scenarios, (written) => {
        const text = stringify(written)
        const read = parseYamlText(Scenario, { file: 'x.yaml', text }, { what: 'scenario' })
        expect(read).toEqual(Scenario.parse(written))
        const again = stringify(read)
        expect(
          parseYamlText(Scenario, { file: 'x.yaml', text: again }, { what: 'scenario' }),
        ).toEqual(read)
      }),
    )
  })
})
