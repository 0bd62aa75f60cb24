import { describe, expect, it } from 'vitest'
import { chooseEngines } from '../../src/cli/engines-choice.ts'

const env = { HEADROOM_POSTGRES_DSN: 'postgres://me:pw@db.example/x?sslmode=disable' }

describe('--engines', () => {
  it('absent: servers of the environment are used, everything else is embedded', () => {
    const { engines, external } = chooseEngines({ engines: undefined }, env)
    expect(engines).toBe('embedded')
    expect(external.addresses.postgres?.host).toBe('db.example')
  })

  it.each(['embedded', 'compose'] as const)('%s outweighs the environment', (word) => {
    const { engines, external } = chooseEngines({ engines: word }, env)
    expect(engines).toBe(word)
    expect(external.addresses).toEqual({})
  })

  it('compose leaves a server alone that was typed beside it', () => {
    const { engines, external } = chooseEngines(
      { engines: 'compose', clickhouse: 'http://ch.example:8123' },
      env,
    )
    expect(engines).toBe('compose')
    expect(Object.keys(external.addresses)).toEqual(['clickhouse'])
  })

  it('misspelt says what it takes', () => {
    expect(() => chooseEngines({ engines: 'compse' }, {})).toThrow(
      expect.objectContaining({
        code: 'BAD_INPUT',
        hint: expect.stringContaining('did you mean "compose"?'),
      }),
    )
  })
})
