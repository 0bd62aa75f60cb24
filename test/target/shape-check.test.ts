import { describe, expect, it } from 'vitest'
import { HeadroomError } from '../../src/kit/errors.ts'
import { architectures } from '../../src/target/registry.ts'
import { requireShape } from '../../src/target/shape-check.ts'
import { Target } from '../../src/target/target.ts'

const scenario = { name: 'quick', shape: 'billing' } as const
const known = [
  { id: 'clicks-only', shapes: ['clicks'] },
  { id: 'takes-both', shapes: ['billing', 'clicks'] },
]

const targetOn = (architecture: string) =>
  Target.parse({ kind: 'architecture', name: `my-${architecture}`, architecture })

function refusal(targets: readonly Target[]): HeadroomError {
  try {
    requireShape(targets, scenario, known)
  } catch (error) {
    if (error instanceof HeadroomError) return error
  }
  throw new Error('it was not refused')
}

describe('a scenario whose events a target does not take', () => {
  it('is refused before anything starts, with what would fit', () => {
    const error = refusal([targetOn('takes-both'), targetOn('clicks-only')])
    expect(error.code).toBe('BAD_INPUT')
    expect(error.message).toBe(
      'scenario quick sends billing events, which clicks-only (target my-clicks-only) does not take',
    )
    expect(error.hint).toBe('choose a scenario with shape: clicks, or a target on takes-both')
  })

  it('passes where every target takes them', () => {
    expect(() => {
      requireShape([targetOn('takes-both')], scenario, known)
    }).not.toThrow()
    const all = architectures
      .filter(({ shapes }) => shapes.includes('billing'))
      .map(({ id }) => targetOn(id))
    expect(() => {
      requireShape(all, scenario)
    }).not.toThrow()
  })

  it('does not concern a service of the user’s own, which says what an event becomes', () => {
    const service = Target.parse({
      kind: 'service',
      name: 'mine',
      url: 'http://127.0.0.1:1',
      audit: { by: 'none' },
    })
    expect(() => {
      requireShape([service], scenario, [])
    }).not.toThrow()
  })
})
