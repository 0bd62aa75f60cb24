import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonRow, jsonRows } from '../../../../reference-impl/service-kit/clickhouse/json-rows.ts'
import { readEvent, type IngestEvent } from '../../../../reference-impl/service-kit/event.ts'

const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 60 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  fc.constantFrom('"', '\\', 'a\u2028b\u2029', '\u0001\u001f\u007f', 'ünï😀', '\t\n\r'),
)
/** Whatever the door lets through, from anything a client may send. */
const event: fc.Arbitrary<IngestEvent> = fc
  .record({
    organization_id: fc.uuid(),
    transaction_id: text,
    external_customer_id: text,
    code: text,
    timestamp: fc.constantFrom('2026-02-25T12:00:00Z', '2026-02-25T12:00:00.123456789+02:30'),
    properties: fc.dictionary(text, fc.jsonValue()),
    value: fc.oneof(
      fc.constant(null),
      fc.double({ min: -1e15, max: 1e15, noNaN: true }),
      fc.integer(),
    ),
  })
  .map((sent) => readEvent(JSON.parse(JSON.stringify(sent))))
  .filter((read) => read.ok)
  .map((read) => read.event)

const rowOf = (one: IngestEvent): unknown => ({
  organization_id: one.organizationId,
  transaction_id: one.transactionId,
  external_customer_id: one.externalCustomerId,
  code: one.code,
  timestamp: one.timestamp,
  properties: one.properties,
  value: one.value === null ? null : Number(one.value),
  decimal_value: one.value,
})

describe('jsonRow', () => {
  it('is one line that a JSON parser reads as the event, whatever it holds', () => {
    fc.assert(
      fc.property(event, (one) => {
        const line = jsonRow(one)
        expect(line.indexOf('\n')).toBe(line.length - 1)
        expect(JSON.parse(line)).toEqual(rowOf(one))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('jsonRows', () => {
  it('holds every event once and in order, however many pieces that takes', () => {
    const [one] = fc.sample(event, 1)
    for (const count of [0, 1, 199, 200, 201, 1_000]) {
      const events = Array.from({ length: count }, (_, index) => ({
        ...one!,
        transactionId: `ünï ${String(index)}`,
      }))
      const lines = Buffer.concat([...jsonRows(events)])
        .toString('utf8')
        .split('\n')
      expect(lines.pop()).toBe('')
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(events.map(rowOf))
    }
  })
})
