import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assertNoSecrets, holdsSecret } from '../../src/results/redaction.ts'

const PASSWORD = 'tr0ub4dor&3/x y'

describe('assertNoSecrets', () => {
  it('passes what holds no secret', () => {
    expect(() => {
      assertNoSecrets({ engines: [{ label: 'postgres 18.4', port: 5432 }] }, [PASSWORD])
    }).not.toThrow()
  })

  it('names the field and never the secret', () => {
    const record = { engines: [{ settings: { dsn: `postgres://u:${PASSWORD}@h/db` } }] }
    const message = messageOf(() => {
      assertNoSecrets(record, [PASSWORD])
    })
    expect(message).toContain('engines.0.settings.dsn')
    expect(message).not.toContain(PASSWORD)
  })

  it('finds a secret in a key, URL-encoded, escaped for JSON and in base64', () => {
    const quoted = 'quote"and\\slash'
    for (const [value, secret] of [
      [{ [PASSWORD]: 1 }, PASSWORD],
      [{ url: encodeURIComponent(PASSWORD) }, PASSWORD],
      [{ text: JSON.stringify({ quoted }) }, quoted],
      [{ header: `Basic ${Buffer.from(PASSWORD).toString('base64')}` }, PASSWORD],
    ] as const) {
      expect(() => {
        assertNoSecrets(value, [secret])
      }).toThrow('refused')
    }
  })

  it('tells an ordinary word from the same word as a password', () => {
    expect(holdsSecret('postgres 18.4 is ready', ['postgres'])).toBe(false)
    expect(holdsSecret('postgres://postgres@127.0.0.1:5432/postgres', ['postgres'])).toBe(false)
    expect(holdsSecret('postgres://postgres:postgres@127.0.0.1:5432/db', ['postgres'])).toBe(true)
    expect(holdsSecret('{"password": "postgres"}', ['postgres'])).toBe(true)
    expect(holdsSecret("ALTER ROLE x PASSWORD 'abc'", ['abc'])).toBe(true)
    expect(holdsSecret('abc is a word', ['abc'])).toBe(false)
  })

  it('takes an empty password for none', () => {
    expect(holdsSecret('anything', [''])).toBe(false)
  })

  it('finds any distinctive secret wherever it stands in a text', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 8, maxLength: 30 }),
        fc.string({ maxLength: 40 }),
        fc.string({ maxLength: 40 }),
        (secret, before, after) => {
          expect(holdsSecret(`${before}${secret}${after}`, [secret])).toBe(true)
        },
      ),
    )
  })
})

function messageOf(run: () => void): string {
  try {
    run()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return ''
}
