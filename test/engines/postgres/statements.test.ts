import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutLiterals } from '../../../src/engines/postgres/statements.ts'

describe('the text of a statement', () => {
  it('keeps parameters and names, and nothing that was quoted or counted', () => {
    expect(withoutLiterals(`SELECT "its" , a1 FROM t2 WHERE x = $1 AND y > 4.5e3 LIMIT 10`)).toBe(
      `SELECT "its" , a1 FROM t2 WHERE x = $1 AND y > ? LIMIT ?`,
    )
  })

  it('loses every way of writing a secret', () => {
    const ways = [
      `ALTER ROLE me PASSWORD 'hunter2'`,
      `ALTER ROLE me PASSWORD 'it''s hunter2'`,
      `ALTER ROLE me PASSWORD E'\\'hunter2'`,
      `ALTER ROLE me PASSWORD 'ends\\' /* hunter2 */`,
      `DO $$ BEGIN PERFORM 'hunter2'; END $$`,
      `DO $body$ hunter2 $body$`,
      `SELECT 1 -- hunter2\n, 2`,
      `SELECT /* hunter2 */ 1`,
      `COPY t FROM PROGRAM 'cut off in the middle of hunter2`,
    ]
    for (const way of ways) expect(withoutLiterals(way)).not.toContain('hunter2')
  })

  it('never lets a quoted text through, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (secret) => {
        const quoted = secret.replaceAll("'", "''")
        expect(withoutLiterals(`ALTER ROLE me PASSWORD '${quoted}' VALID`)).toBe(
          'ALTER ROLE me PASSWORD ? VALID',
        )
      }),
    )
  })
})
