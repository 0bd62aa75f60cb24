import { describe, expect, it } from 'vitest'
import { EnginesTarget, enginesFindings } from '../../src/target/engines-target.ts'

const findingsOf = (pooler: object | undefined) =>
  enginesFindings(
    EnginesTarget.parse({
      kind: 'engines',
      name: 'mine',
      engines: { database: { kind: 'postgres', ...(pooler === undefined ? {} : { pooler }) } },
      schema: { default: 'CREATE TABLE events ()' },
      settings: { synchronousCommit: 'off' },
    }),
  )

describe('a target of engines alone', () => {
  it('asks nothing of a session that a transaction pooler hands to others', () => {
    expect(findingsOf({})).toEqual([
      expect.objectContaining({ path: ['settings', 'synchronousCommit'] }),
    ])
    expect(findingsOf({ settings: { pool_mode: 'transaction' } })).toHaveLength(1)
    expect(findingsOf({ settings: { pool_mode: 'session' } })).toEqual([])
    // Names are written in lower case for PgBouncer, however they were asked.
    expect(findingsOf({ settings: { POOL_MODE: 'session' } })).toEqual([])
    expect(findingsOf(undefined)).toEqual([])
  })
})
