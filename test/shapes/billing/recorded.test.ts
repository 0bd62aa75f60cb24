import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { HeadroomError } from '../../../src/kit/errors.ts'
import type { RecordedStream } from '../../../src/shapes/stream.ts'
import { openRecorded, openStream } from '../../../src/shapes/open-stream.ts'
import type { EventStream, RecordedStreamSpec } from '../../../src/shapes/stream.ts'
import { EventPopulation } from '../../../src/scenario/scenario.ts'

const folder = mkdtempSync(join(tmpdir(), 'headroom-recorded-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})
let files = 0

type Mapping = RecordedStreamSpec['mapping']

const MAPPING: Mapping = {
  organization_id: 'organization_id',
  transaction_id: 'transaction_id',
  external_customer_id: 'external_customer_id',
  code: 'code',
  timestamp: 'timestamp',
  value: 'value',
  properties: ['properties'],
}

function specOf(
  text: string | Buffer,
  format: 'ndjson' | 'csv',
  mapping = MAPPING,
): RecordedStreamSpec {
  const file = join(folder, `${String(files++)}.${format}`)
  writeFileSync(file, text)
  return { source: 'recorded', shape: 'billing', file, format, mapping }
}

function eventAt(stream: RecordedStream, index: number): Record<string, unknown> {
  const target = Buffer.alloc(stream.maxEventBytes)
  const end = stream.writeJson(index, target, 0)
  return JSON.parse(target.toString('utf8', 0, end)) as Record<string, unknown>
}

async function refused(text: string | Buffer, format: 'ndjson' | 'csv', mapping = MAPPING) {
  const error: unknown = await openRecorded(specOf(text, format, mapping)).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(HeadroomError)
  expect((error as HeadroomError).code).toBe('BAD_INPUT')
  return error as HeadroomError
}

const word = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((s) => !s.includes('\u0000'))
const uuid = fc.uuid()
const eventTimes = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2090, 0) })
const event = fc.record({
  organization_id: uuid,
  transaction_id: word,
  external_customer_id: word,
  code: word,
  timestamp: eventTimes.map((ms) => new Date(ms).toISOString()),
  properties: fc.dictionary(word, fc.oneof(word, fc.integer(), fc.boolean(), fc.constant(null))),
  value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
})
const events = fc.uniqueArray(event, {
  minLength: 1,
  maxLength: 40,
  selector: (e) => `${e.organization_id} ${e.transaction_id}`,
})

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** What PostgreSQL makes of a COPY text column. */
function unescapeCopy(text: string): string {
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }
  return text.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter)
}

describe('a recorded file', () => {
  it('read as NDJSON gives back every event as it was, in order of time', async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.constantFrom('\n', '\r\n'), async (written, ending) => {
        const text = written.map((e) => JSON.stringify(e)).join(ending) + ending
        using stream = await openRecorded(specOf(text, 'ndjson'))
        const sorted = [...written].sort(
          (a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp),
        )
        expect(stream.eventCount).toBe(written.length)
        sorted.forEach((expected, index) => {
          expect(eventAt(stream, index)).toEqual({ ...expected, value: expected.value + 0 })
          expect(stream.recordedTimesMs[index]).toBe(Date.parse(expected.timestamp))
          expect(stream.indexOf(expected.organization_id, expected.transaction_id)).toBe(index)
        })
      }),
      { numRuns: 60 },
    )
  })

  it('read as CSV gives back every event, quotes, commas and line breaks included', async () => {
    await fc.assert(
      fc.asyncProperty(events, fc.constantFrom('\n', '\r\n'), async (written, ending) => {
        const names = Object.keys(MAPPING)
        const rows = written.map((e) =>
          names
            .map((name) =>
              csvField(name === 'properties' ? JSON.stringify(e.properties) : e[name as 'code']),
            )
            .join(','),
        )
        using stream = await openRecorded(specOf([names.join(','), ...rows].join(ending), 'csv'))
        const sorted = [...written].sort(
          (a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp),
        )
        sorted.forEach((expected, index) => {
          const { properties, ...rest } = eventAt(stream, index)
          const { properties: written, ...fields } = expected
          expect(rest).toEqual(fields)
          expect(properties).toEqual({ properties: JSON.stringify(written) })
        })
      }),
      { numRuns: 60 },
    )
  })

  it('makes COPY rows whose unescaped columns are the event', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (written) => {
        const text = written.map((e) => JSON.stringify(e)).join('\n')
        using stream = await openRecorded(specOf(text, 'ndjson'))
        const target = Buffer.alloc(stream.maxEventBytes)
        for (let index = 0; index < stream.eventCount; index++) {
          const row = target.toString('utf8', 0, stream.writeCopyRow(index, target, 0))
          expect(row.indexOf('\n')).toBe(row.length - 1)
          const columns = row.slice(0, -1).split('\t').map(unescapeCopy)
          const expected = eventAt(stream, index)
          expect(columns.slice(0, 5)).toEqual(Object.values(expected).slice(0, 5))
          expect(JSON.parse(columns[5]!)).toEqual(expected['properties'])
          expect(Number(columns[6])).toBe(expected['value'])
          expect(columns[7]).toBe(columns[6])
        }
      }),
      { numRuns: 40 },
    )
  })

  it('written by a generated stream is replayed byte for byte', async () => {
    const generated = await openStream(
      { source: 'generated', shape: 'billing', seed: 5, events: EventPopulation.parse({}) },
      (index) => 1.7e12 + index,
    )
    const target = Buffer.alloc(generated.maxEventBytes)
    const text = (from: EventStream, index: number) =>
      target.toString('utf8', 0, from.writeJson(index, target, 0))
    const lines = Array.from({ length: 500 }, (_, index) => text(generated, index))
    using stream = await openRecorded(specOf(lines.join('\n'), 'ndjson'))
    lines.forEach((line, index) => {
      expect(text(stream, index)).toBe(line)
      expect(stream.value64Of(index)).toBe(generated.value64Of(index))
    })
  })

  it('larger than one read keeps its places', async () => {
    const filler = 'x'.repeat(700)
    const lines = Array.from({ length: 4_000 }, (_, n) =>
      JSON.stringify({
        o: 'acme',
        t: `t${String(n)}`,
        c: 'c',
        k: 'k',
        at: 1_700_000_000 + n,
        filler,
      }),
    )
    const mapping = {
      organization_id: 'o',
      transaction_id: 't',
      external_customer_id: 'c',
      code: 'k',
      timestamp: 'at',
      properties: ['filler'],
    }
    using stream = await openRecorded(specOf(lines.join('\n'), 'ndjson', mapping))
    for (const index of [0, 3_999, 1_234, 1_235, 2_999, 17]) {
      expect(eventAt(stream, index)).toMatchObject({
        transaction_id: `t${String(index)}`,
        timestamp: new Date((1_700_000_000 + index) * 1_000).toISOString(),
        properties: { filler },
        value: 0,
      })
    }
  })
})

describe('a mapping', () => {
  it('follows dotted paths, turns names into UUIDs and takes over object members', async () => {
    const line = {
      org: { name: 'Acme' },
      ids: { tx: 7 },
      customer: 'c1',
      type: 'calls',
      at: '2026-01-02 03:04:05',
      data: { region: 'eu', deep: { a: 1 } },
      amount: '0.1',
    }
    const mapping = {
      organization_id: 'org.name',
      transaction_id: 'ids.tx',
      external_customer_id: 'customer',
      code: 'type',
      timestamp: 'at',
      value: 'amount',
      properties: ['data', 'data.deep.a'],
    }
    using stream = await openRecorded(specOf(JSON.stringify(line), 'ndjson', mapping))
    const sent = eventAt(stream, 0)
    expect(sent).toMatchObject({
      transaction_id: '7',
      timestamp: '2026-01-02T03:04:05.000Z',
      properties: { region: 'eu', deep: { a: 1 }, 'data.deep.a': 1 },
      value: 0.1,
    })
    expect(sent['organization_id']).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/,
    )
    expect(stream.valueAt(0)).toBe(0.1)
    expect(stream.value64Of(0)).toBe(6)
  })

  it.each([
    ['1700000000', 1_700_000_000_000],
    ['1700000000123', 1_700_000_000_123],
    ['1700000000123456', 1_700_000_000_123],
    ['1700000000123456789', 1_700_000_000_123],
    ['1700000000.5', 1_700_000_000_500],
    ['2026-01-02T03:04:05+02:00', Date.UTC(2026, 0, 2, 1, 4, 5)],
    ['2026-01-02T03:04:05.678', Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
    ['2026-01-02', Date.UTC(2026, 0, 2)],
  ])('reads the time %s the same on every machine', async (timestamp, expected) => {
    const row = `organization_id,transaction_id,external_customer_id,code,timestamp,value,properties\na,b,c,d,${timestamp},1,`
    using stream = await openRecorded(specOf(row, 'csv'))
    expect(stream.recordedTimesMs[0]).toBe(expected)
  })

  it('sends a repeated identity as the bytes of its first occurrence in time', async () => {
    const line = (at: number, value: number) =>
      JSON.stringify({ ...minimal, transaction_id: 'same', timestamp: at, value })
    using stream = await openRecorded(
      specOf([line(3e9, 3), line(2e9, 2), line(1e9, 1)].join('\n'), 'ndjson'),
    )
    expect(stream.repeatedEvents).toBe(2)
    expect([0, 1, 2].map((index) => stream.canonicalOf(index))).toEqual([0, 0, 0])
    expect(eventAt(stream, 2)).toEqual(eventAt(stream, 0))
    expect(stream.valueAt(2)).toBe(1)
  })
})

const minimal = {
  organization_id: 'o',
  transaction_id: 't',
  external_customer_id: 'c',
  code: 'k',
  timestamp: 1e9,
  value: 1,
}

describe('what is wrong with a file', () => {
  it('is listed by line, twenty of them, with the count of all', async () => {
    const good = JSON.stringify(minimal)
    const error = await refused(
      [good, ...Array<string>(30).fill('{oops'), good].join('\n'),
      'ndjson',
    )
    expect(error.message).toContain('30 malformed records')
    expect(error.problems).toHaveLength(20)
    expect(error.problems[0]).toMatchObject({ line: 2, path: '' })
    expect(error.problems[19]?.line).toBe(21)
  })

  it.each([
    ['a missing field', { ...minimal, code: undefined }, 'code', 'missing'],
    ['an empty id', { ...minimal, transaction_id: '' }, 'transaction_id', 'expected text'],
    ['an object for a name', { ...minimal, code: {} }, 'code', 'expected text'],
    ['no time', { ...minimal, timestamp: 'yesterday' }, 'timestamp', 'expected a time'],
    ['a time beyond the calendar', { ...minimal, timestamp: 1e30 }, 'timestamp', 'expected a time'],
    ['no number', { ...minimal, value: '12 apples' }, 'value', 'expected a number'],
    ['a NUL character', { ...minimal, code: 'a\u0000b' }, 'code', 'NUL'],
    ['an array', [1], '', 'not a JSON object'],
  ])('names the field: %s', async (_what, line, path, message) => {
    const error = await refused(`\n${JSON.stringify(line)}\n`, 'ndjson')
    expect(error.problems).toHaveLength(1)
    expect(error.problems[0]).toMatchObject({ line: 2, path })
    expect(error.problems[0]?.message).toContain(message)
  })

  it.each([
    ['too few fields', 'a,b,c,d', '4 fields'],
    ['a quote inside a plain field', 'a,b"b",c,d,1e9,1,', 'quote inside'],
    ['text behind a quoted field', 'a,"b"b,c,d,1e9,1,', 'behind a closing quote'],
    ['a quote that is never closed', 'a,"b,c,d,1e9,1,', 'not closed'],
  ])('names the CSV line: %s', async (_what, row, message) => {
    const names = Object.keys(MAPPING).join(',')
    const error = await refused(`${names}\na,b,c,d,1000000000,1,\n${row}`, 'csv')
    expect(error.problems[0]?.line).toBe(3)
    expect(error.problems[0]?.message).toContain(message)
  })

  it('suggests the column that was meant', async () => {
    const names = Object.keys(MAPPING).join(',').replace('timestamp', 'timestamps')
    const error = await refused(`${names}\n`, 'csv')
    expect(error.problems[0]?.message).toContain('did you mean timestamps?')
  })

  it('includes a file without events, one record beyond all bounds, and a file that is not there', async () => {
    expect((await refused('\n\n', 'ndjson')).message).toContain('no events')
    const long = JSON.stringify({ ...minimal, filler: 'x'.repeat(1_100_000) })
    const error = await refused(`${JSON.stringify(minimal)}\n${long}\n`, 'ndjson')
    expect(error.problems[0]).toMatchObject({ line: 2 })
    const spec = { ...specOf('', 'ndjson'), file: join(folder, 'nowhere.ndjson') }
    await expect(openStream(spec, () => 0)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
  })
})
