import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IngestEvent } from '../../../../reference-impl/service-kit/event.ts'
import {
  arrayLiterals,
  copyRows,
} from '../../../../reference-impl/service-kit/postgres/row-text.ts'

const text = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.string({
    unit: fc.constantFrom('\\', '"', '\t', '\n', '\r', ',', '{', '}', 'N', '.', "'"),
    minLength: 1,
  }),
)
const events = fc.array(
  fc.record<IngestEvent>({
    organizationId: fc.uuid(),
    transactionId: text,
    externalCustomerId: text,
    code: text,
    timestamp: fc.constant('2026-02-25T12:00:00Z'),
    properties: fc.dictionary(text, text).map((properties) => JSON.stringify(properties)),
    value: fc.oneof(
      fc.constant(null),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    ),
  }),
  { minLength: 1, maxLength: 8 },
)

/** COPY text format, read as its manual says. */
function readCopy(rows: string): (string | null)[][] {
  const unescaped: Record<string, string> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }
  return rows
    .split('\n')
    .slice(0, -1)
    .map((row) =>
      row
        .split('\t')
        .map((field) =>
          field === '\\N'
            ? null
            : field.replace(
                /\\(.)/gs,
                (_all, character: string) => unescaped[character] ?? character,
              ),
        ),
    )
}

/** An array literal of one dimension, read as its manual says. */
function readArray(literal: string): (string | null)[] {
  const items: (string | null)[] = []
  const pattern = /"((?:[^"\\]|\\.)*)"|([^,{}"]+)/gs
  for (const match of literal.slice(1, -1).matchAll(pattern)) {
    if (match[1] !== undefined) items.push(match[1].replace(/\\(.)/gs, '$1'))
    else items.push(match[2] === 'NULL' ? null : match[2]!)
  }
  return items
}

const columnsOf = (event: IngestEvent) => [
  event.organizationId,
  event.transactionId,
  event.externalCustomerId,
  event.code,
  event.timestamp,
  event.properties,
  event.value,
]

describe('rows as text', () => {
  it('come back from COPY text exactly as they went in, numbered', () => {
    fc.assert(
      fc.property(events, (batch) => {
        expect(readCopy(copyRows(batch, 'staging'))).toEqual(
          batch.map((event, index) => [String(index), ...columnsOf(event), event.value]),
        )
      }),
    )
  })

  it('come back from array literals exactly as they went in', () => {
    fc.assert(
      fc.property(events, (batch) => {
        const columns = arrayLiterals(batch).map(readArray)
        expect(batch.map((_, row) => columns.map((column) => column[row]))).toEqual(
          batch.map(columnsOf),
        )
      }),
    )
  })
})
