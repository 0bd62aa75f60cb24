import { describe, expect, it } from 'vitest'
import { rowsOf } from '../../../src/drive/sql/copy-values.ts'
import { SqlStatements, rowsPerStatement } from '../../../src/drive/sql/statements.ts'

const columns = [
  { name: 'organization_id', type: 'uuid' },
  { name: 'transaction_id', type: 'text' },
]
const identity = ['organization_id', 'transaction_id']
const skip = new SqlStatements({ table: 'app.events', repeats: 'skip' }, columns, identity)
const plain = new SqlStatements({ table: 'events', repeats: 'plain' }, columns, identity)

describe('statements', () => {
  it('name table and columns so that no name can be anything else', () => {
    expect(plain.copy).toBe('COPY "events" ("organization_id", "transaction_id") FROM STDIN')
    expect(skip.copy).toContain('COPY "app"."events"')
  })

  it('give every value the type of its column', () => {
    expect(plain.values(2)).toBe(
      'INSERT INTO "events" ("organization_id", "transaction_id") VALUES ($1::uuid, $2::text), ($3::uuid, $4::text)',
    )
  })

  it('ask which went in only where repeats are skipped', () => {
    const returning = 'ON CONFLICT DO NOTHING RETURNING "organization_id", "transaction_id"'
    for (const text of [skip.values(1), skip.unnest, skip.fromStaging]) {
      expect(text.endsWith(returning)).toBe(true)
    }
    expect(plain.unnest).not.toContain('RETURNING')
  })

  it('hold no more parameters than PostgreSQL takes', () => {
    expect(rowsPerStatement('values', 8) * 8).toBeLessThanOrEqual(65_535)
    expect(rowsPerStatement('unnest', 8)).toBe(Infinity)
  })
})

describe('COPY text', () => {
  it('reads back as it was meant: nulls, tabs, line breaks, backslashes', () => {
    expect(rowsOf('a\t\\N\nx\\ty\tb\\\\n\\n\n')).toEqual([
      ['a', null],
      ['x\ty', 'b\\n\n'],
    ])
    expect(rowsOf('')).toEqual([])
  })
})
