import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readEvent } from '../../../reference-impl/service-kit/event.ts'
import { validatorAt } from '../../contract/openapi-check.ts'

const GOOD = {
  organization_id: '0190c3e0-8c1f-7a55-b0aa-0123456789ab',
  transaction_id: 'tx-1',
  external_customer_id: 'customer-1',
  code: 'api_calls',
  timestamp: '2026-02-25T12:00:00.123Z',
  properties: { region: 'eu' },
  value: 1.5,
}

const anyField = fc.record({
  organization_id: fc.oneof(
    fc.uuid(),
    fc.constant(GOOD.organization_id.toUpperCase()),
    fc.string(),
    fc.jsonValue(),
  ),
  transaction_id: fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300, size: 'max' }),
    fc.jsonValue(),
  ),
  external_customer_id: fc.oneof(
    fc.string({ minLength: 250, maxLength: 260 }),
    fc.constantFrom('a\0b', '😀'.repeat(255), '😀'.repeat(256)),
    fc.jsonValue(),
  ),
  code: fc.oneof(fc.string({ unit: 'binary', maxLength: 5 }), fc.jsonValue()),
  properties: fc.oneof(
    fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.integer()),
    fc.jsonValue(),
  ),
  value: fc.oneof(fc.double(), fc.constantFrom(null, 1e15, -1e15, 999999999999999), fc.jsonValue()),
  surprise: fc.jsonValue(),
})
type FieldName = keyof typeof GOOD | 'surprise'

/** A good event with a field or two replaced by anything, added or dropped. */
const anyEvent = fc
  .record({
    fields: anyField,
    replaced: fc.subarray<FieldName>(
      [
        'organization_id',
        'transaction_id',
        'external_customer_id',
        'code',
        'properties',
        'value',
        'surprise',
      ],
      { maxLength: 2 },
    ),
    dropped: fc.oneof(fc.constant(null), fc.constant(null), fc.constantFrom(...Object.keys(GOOD))),
  })
  .map(({ fields, replaced, dropped }) => {
    const event: Record<string, unknown> = { ...GOOD }
    for (const name of replaced) event[name] = (fields as Record<string, unknown>)[name]
    return Object.fromEntries(Object.entries(event).filter(([name]) => name !== dropped))
  })
  // What the service sees has been through JSON; lone surrogates are beyond what a JSON Schema pattern can say.
  .map((event) => JSON.parse(JSON.stringify(event)) as Record<string, unknown>)
  .filter((event) => {
    const text = JSON.stringify(event)
    return (
      !/\\ud[89a-f]/.test(text) && !JSON.stringify(event['properties'] ?? {}).includes('\\u0000')
    )
  })

describe('readEvent', () => {
  it('takes exactly what the schema in openapi.yaml takes', () => {
    const schema = validatorAt(['components', 'schemas', 'Event'])
    let taken = 0
    fc.assert(
      fc.property(anyEvent, (event) => {
        const { ok } = readEvent(event)
        if (ok) taken++
        expect(ok, JSON.stringify(event)).toBe(schema(event))
      }),
      { numRuns: 2_000 },
    )
    expect(taken).toBeGreaterThan(300)
  })

  it('gives one identity to every spelling of a UUID', () => {
    const read = readEvent({ ...GOOD, organization_id: GOOD.organization_id.toUpperCase() })
    expect(read).toMatchObject({ ok: true, event: { organizationId: GOOD.organization_id } })
  })

  it('derives the decimal from the shortest text that is the same double', () => {
    const textOf = (value: number): unknown => {
      const read = readEvent({ ...GOOD, value })
      return read.ok ? read.event.value : read.reason
    }
    expect(textOf(0.1 + 0.2)).toBe('0.30000000000000004')
    expect(textOf(-0.015625)).toBe('-0.015625')
    expect(textOf(1e-7)).toBe('1e-7')
  })

  it.each([
    ['a lone surrogate', { transaction_id: 'a\ud800' }],
    ['a lone surrogate beside a pair', { code: '😀\udc00' }],
    ['NUL', { external_customer_id: 'a\0' }],
    ['NUL after a pair', { external_customer_id: '😀\0' }],
    ['NUL deep in the properties', { properties: { a: [{ b: 'x\0' }] } }],
    ['NUL behind escaped backslashes', { properties: { a: '\\\\\0' } }],
    ['a lone surrogate in a property name', { properties: { '\udfff': 1 } }],
  ])('refuses %s, which no store keeps', (_what, fields) => {
    expect(readEvent({ ...GOOD, ...fields }).ok).toBe(false)
  })

  it('takes text that only looks like an unstorable escape', () => {
    expect(
      readEvent({ ...GOOD, properties: { a: '\\u0000', b: '\\\\ud800', c: '\u0001😀' } }).ok,
    ).toBe(true)
  })

  it('refuses properties nested deeper than the stack reaches, instead of failing', () => {
    let deep: unknown = {}
    for (let level = 0; level < 200_000; level++) deep = { a: deep }
    expect(readEvent({ ...GOOD, properties: deep }).ok).toBe(false)
  })
})
