import { describe, expect, it } from 'vitest'
import { HeadroomError } from '../../../src/kit/errors.ts'
import type { PlannedInputs } from '../../../src/results/study-plan.ts'
import { refuseChangedInputs } from '../../../src/study/sweep/changed-inputs.ts'
import { sweepFixture } from '../../fixtures/sweep.ts'

const { study } = sweepFixture()
if (study.kind !== 'sweep') throw new Error('it is a sweep')
const inputs: PlannedInputs = {
  scenario: study.scenario,
  points: study.targets.map((target) => ({ target, scenario: study.scenario })),
  profile: study.profile,
  sweep: study.sweep,
  provider: 'embedded',
  ownServers: [],
  headroom: { version: '0.1.0', commit: 'abc' },
  fingerprint: 'f',
}

function changed(now: Partial<PlannedInputs>): readonly string[] {
  try {
    refuseChangedInputs(inputs, { ...inputs, ...now })
  } catch (error) {
    if (error instanceof HeadroomError) return error.problems.map(({ path }) => path)
    throw error
  }
  return []
}

describe('a sweep that is gone on with', () => {
  it('is accepted where nothing has changed', () => {
    expect(changed({})).toEqual([])
    expect(changed(structuredClone(inputs))).toEqual([])
  })

  it('is refused with the name of everything that has', () => {
    const [first, ...others] = inputs.points
    if (first === undefined) throw new Error('it has points')
    const target = { ...first.target, description: 'edited' }
    expect(
      changed({
        scenario: { ...inputs.scenario, batchEvents: 7 },
        points: [{ ...first, target }, ...others],
        profile: { ...inputs.profile, ratePerS: 1 },
        provider: 'compose',
        headroom: { version: '0.1.0', commit: 'def' },
        fingerprint: 'g',
      }),
    ).toEqual([
      'scenario quick',
      `target ${first.target.name}`,
      'profile',
      'engines',
      'headroom',
      'machine',
    ])
  })
})
