import { describe, expect, it } from 'vitest'
import { faultFindings } from '../../src/scenario/fault-findings.ts'
import { Scenario } from '../../src/scenario/scenario.ts'

const scenario = (faults: readonly unknown[], more: object = {}) =>
  Scenario.parse({
    name: 'x',
    seed: 1,
    rate: { kind: 'constant', ratePerS: 100 },
    phases: { warmupS: 1, measureS: 20 },
    faults,
    ...more,
  })
const kill = (atS: unknown, lengthS: number, part = 'service') => ({
  kind: 'kill',
  part,
  atS,
  lengthS,
})
const restore = (more: object) => ({
  kind: 'restore',
  role: 'database',
  atS: 5,
  lengthS: 1,
  ...more,
})
const late = (atS: number, more: object = {}) => ({
  kind: 'statements',
  role: 'replica',
  begin: `ALTER SYSTEM SET recovery_min_apply_delay = '${String(atS)}s'`,
  end: ['ALTER SYSTEM RESET recovery_min_apply_delay', 'SELECT pg_reload_conf()'],
  atS,
  lengthS: 3,
  ...more,
})
const pathsOf = (faults: readonly unknown[], more?: object) =>
  faultFindings(scenario(faults, more)).map(({ path }) => path.join('.'))

const symptom = (key: string) => faultFindings(scenario([{ ...kill(5, 3), symptom: key }]))

describe('the symptom of a fault', () => {
  it('is a gauge of which less is better, with or without a label', () => {
    for (const key of ['slot.lagBytes', 'slot.lagBytes{cdc}', 'horizon.ageTransactions']) {
      expect(symptom(key)).toEqual([])
    }
  })

  it.each([
    ['slot.lagbytes', /no metric is called "slot.lagbytes"/, /slot.lagBytes/],
    ['wal.bytes', /only ever grows/, /gauge/],
    ['replica.standbys', /less of it is not better/, /gauge/],
    ['horizon.ageTransactions{x}', /has no instances/, /without \{x\}/],
  ])('is refused as %s, with what to write', (key, message, remedy) => {
    const [finding, ...others] = symptom(key)
    expect(others).toEqual([])
    expect(finding?.path).toEqual(['faults', 0, 'symptom'])
    expect(finding?.message).toMatch(message)
    expect(finding?.remedy).toMatch(remedy)
  })
})

describe('faults of a scenario', () => {
  it('are right when each leaves calm before and time after', () => {
    expect(pathsOf([kill(5, 3), kill([9, 11], 2), kill(5, 3, 'postgres')])).toEqual([])
    expect(pathsOf([late(5), late(8)])).toEqual([])
  })

  it('may be statements beside each other where each takes back its own', () => {
    expect(pathsOf([late(5), late(7, { role: 'database' })])).toEqual([])
    expect(pathsOf([late(5), late(7, { end: 'SELECT pg_wal_replay_resume()' })])).toEqual([])
    expect(pathsOf([late(5, { end: undefined }), late(7, { end: undefined })])).toEqual([])
  })

  it.each([
    ['begin before anything was calm', [kill(1, 3)], ['faults.0.atS']],
    ['last to the end', [kill(18, 3)], ['faults.0.lengthS']],
    ['may last to the end', [kill([3, 18], 3)], ['faults.0.lengthS']],
    ['are drawn between the wrong bounds', [kill([9, 5], 3)], ['faults.0.atS']],
    ['take back no accident', [restore({ to: 'point' })], ['faults.0.begin']],
    ['lose a disk by SQL', [restore({ begin: 'DELETE FROM x' })], ['faults.0.begin']],
    ['of one part overlap', [kill(5, 4), kill(8, 2)], ['faults.1.atS']],
    ['take back what another began', [late(5), late(7)], ['faults.1.atS']],
  ])('are refused where they %s', (_case, faults, paths) => {
    expect(pathsOf(faults)).toEqual(paths)
  })

  it('do not go with a run that ends at the first broken SLO', () => {
    const slos = [{ metric: 'latency.p99Us', max: 1_000 }]
    expect(pathsOf([kill(5, 3)], { stop: 'at-first-broken-slo', slos })).toEqual(['stop'])
  })
})
