import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { statementsOf } from '../../../reference-impl/service-kit/schema-script.ts'
import { packageRoot } from '../../../src/kit/paths.ts'

const scriptOf = (file: string) => readFileSync(join(packageRoot, 'reference-impl', file), 'utf8')

const scriptsOf = (id: string) =>
  readdirSync(join(packageRoot, 'reference-impl', id)).filter((file) => file.endsWith('.sql'))

describe('schema scripts', () => {
  it('give each variant its own statements and those of all, in order', () => {
    const script =
      '-- about\n-- variant: all\nA;\n-- variant: x, y\nB\n  b;\n-- variant: y\nC;\n-- variant: all\nD;\n'
    expect(statementsOf(script, 'x')).toEqual(['A', 'B\n  b', 'D'])
    expect(statementsOf(script, 'y')).toEqual(['A', 'B\n  b', 'C', 'D'])
    expect(statementsOf(script, 'z')).toEqual(['A', 'D'])
  })

  it('take several variants together: an index set, and what settings add to it', () => {
    const script = '-- variant: all\nA;\n-- variant: x\nB;\n-- variant: y\nC;\n-- variant: z\nD;\n'
    expect(statementsOf(script, 'x', 'z')).toEqual(['A', 'B', 'D'])
  })

  it('refuse a statement that belongs to no variant', () => {
    expect(() => statementsOf('CREATE TABLE t ()', 'x')).toThrow(/before the first variant/)
  })

  it('are the same for every architecture on the same store, or comparing them would be unfair', () => {
    const events = scriptOf('service-kit/postgres/events.sql')
    expect(statementsOf(events, 'default').length).toBe(4)
    for (const id of ['pg-direct', 'pg-batch', 'dual-write']) {
      expect(scriptsOf(id).filter((file) => !file.includes('clickhouse'))).toEqual([])
    }
    for (const variant of ['default', 'bxb-key']) {
      const direct = statementsOf(scriptOf('clickhouse-direct/schema.sql'), variant)
      expect(direct.length).toBe(2)
      expect(statementsOf(scriptOf('dual-write/schema.clickhouse.sql'), variant)).toEqual(direct)
    }
  })
})
