import { describe, expect, it } from 'vitest'
import { HeadroomError } from '../../src/kit/errors.ts'
import type { ClaimsInputs } from '../../src/results/claims-store.ts'
import { experimentHashes, refuseChangedClaims } from '../../src/study/changed-claims.ts'
import { experimentFixture } from '../fixtures/claims.ts'

const other = { ...experimentFixture, name: 'other' }
const inputs: ClaimsInputs = {
  scale: 'small',
  experiments: experimentHashes([experimentFixture, other]),
  provider: 'embedded',
  ownServers: [],
  headroom: { version: '0.1.0', commit: 'abc' },
  fingerprint: 'f',
}

function changed(now: Partial<ClaimsInputs>): readonly string[] {
  try {
    refuseChangedClaims(inputs, { ...inputs, ...now })
  } catch (error) {
    if (error instanceof HeadroomError) {
      return error.problems.map(({ path, message }) => `${path} ${message}`)
    }
    throw error
  }
  return []
}

describe('a study of claims that is gone on with', () => {
  it('is accepted where nothing has changed, whatever the order', () => {
    expect(changed({})).toEqual([])
    expect(changed({ experiments: experimentHashes([other, experimentFixture]) })).toEqual([])
  })

  it('is refused with the name of everything that has', () => {
    expect(
      changed({
        scale: 'tiny',
        experiments: experimentHashes([{ ...experimentFixture, setup: 'SELECT 1' }, other]),
        provider: 'compose',
        ownServers: ['postgres'],
        headroom: { version: '0.1.0', commit: 'def' },
        fingerprint: 'g',
      }),
    ).toEqual([
      'scale was small, and is tiny',
      'experiment made-up is not what it was when the study began',
      'engines came from embedded, and would now come from compose and your own postgres',
      'headroom was 0.1.0 (abc), and is 0.1.0 (def)',
      'machine is another one, or has other cores, memory or software',
    ])
  })

  it('is refused with other experiments than it began with', () => {
    const third = { ...experimentFixture, name: 'third' }
    expect(changed({ experiments: experimentHashes([experimentFixture, third]) })).toEqual([
      'experiment other was part of the study',
      'experiment third was not part of the study',
    ])
  })
})
