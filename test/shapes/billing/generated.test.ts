import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventPopulation } from '../../../src/scenario/scenario.ts'
import { BILLING_COLUMNS } from '../../../src/shapes/billing/columns.ts'
import { DUPLICATE_WINDOW } from '../../../src/shapes/seeded/event-draw.ts'
import { generateStream } from '../../../src/shapes/billing/generated.ts'
import { preloadRows, preloadTimeOf } from '../../../src/shapes/preload.ts'
import { openStream } from '../../../src/shapes/open-stream.ts'
import { INDEX_LIMIT, PRELOAD_BASE_INDEX, type EventStream } from '../../../src/shapes/stream.ts'

const EPOCH_MS = Date.UTC(2026, 0, 31, 23, 59, 50)

type Population = Partial<EventPopulation>

function stream(events: Population = {}, seed = 7): EventStream {
  const spec = { source: 'generated', shape: 'billing', seed } as const
  return generateStream(
    { ...spec, events: EventPopulation.parse(events) },
    (index) => EPOCH_MS + (index % PRELOAD_BASE_INDEX) * 0.37,
  )
}

function jsonOf(from: EventStream, index: number): string {
  const target = Buffer.alloc(from.maxEventBytes + 16)
  return target.toString('latin1', 5, from.writeJson(index, target, 5))
}

function rowOf(from: EventStream, index: number): string[] {
  const target = Buffer.alloc(from.maxEventBytes + 16)
  const text = target.toString('latin1', 3, from.writeCopyRow(index, target, 3))
  expect(text.endsWith('\n')).toBe(true)
  return text.slice(0, -1).split('\t')
}

function bytesOf(from: EventStream, indexes: Iterable<number>): Buffer {
  const pieces: Buffer[] = []
  for (const index of indexes) {
    const target = Buffer.alloc(from.maxEventBytes * 2)
    pieces.push(
      target.subarray(0, from.writeCopyRow(index, target, from.writeJson(index, target, 0))),
    )
  }
  return Buffer.concat(pieces)
}

function* span(from: number, to: number): Generator<number> {
  for (let index = from; index < to; index++) yield index
}

const populations = fc.record({
  organizations: fc.integer({ min: 1, max: 300 }),
  customers: fc.integer({ min: 1, max: 3_000 }),
  codes: fc.integer({ min: 1, max: 40 }),
  zipfExponent: fc.double({ min: 0, max: 4, noNaN: true }),
  payloadBytes: fc.integer({ min: 250, max: 3_000 }),
  compressibleRatio: fc.double({ min: 0, max: 1, noNaN: true }),
  identifiers: fc.constantFrom('uuidv4' as const, 'uuidv7' as const, 'sequential' as const),
  duplicateRatio: fc.constantFrom(0, 0.01, 0.3, 1),
  lateRatio: fc.constantFrom(0, 0.1),
  outOfOrderRatio: fc.constantFrom(0, 0.5),
})
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 })
const anyIndex = fc.oneof(
  fc.integer({ min: 0, max: 5_000 }),
  fc.integer({ min: 0, max: PRELOAD_BASE_INDEX + 5_000 }),
  fc.integer({ min: INDEX_LIMIT - 1_000, max: INDEX_LIMIT - 1 }),
)

describe('the bytes of an event', () => {
  it('are the same however the index range is split', () => {
    fc.assert(
      fc.property(
        populations,
        seeds,
        fc.array(fc.nat(200), { maxLength: 6 }),
        (events, seed, cuts) => {
          const whole = bytesOf(stream(events, seed), span(0, 200))
          const edges = [0, ...cuts.sort((a, b) => a - b), 200]
          // The parts are made last to first by streams that know nothing of each other.
          const parts = edges
            .slice(1)
            .map((to, part) => [edges[part]!, to] as const)
            .reverse()
            .map(([from, to]) => bytesOf(stream(events, seed), span(from, to)))
          expect(Buffer.concat(parts.reverse()).equals(whole)).toBe(true)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('are a JSON object of schema B1 in its shortest form, no longer than promised', () => {
    fc.assert(
      fc.property(populations, seeds, anyIndex, (events, seed, index) => {
        const from = stream(events, seed)
        const text = jsonOf(from, index)
        const event = JSON.parse(text) as Record<string, unknown>
        expect(JSON.stringify(event)).toBe(text)
        expect(text.length).toBeLessThanOrEqual(from.maxEventBytes)
        expect(Object.keys(event)).toEqual([
          'organization_id',
          'transaction_id',
          'external_customer_id',
          'code',
          'timestamp',
          'properties',
          'value',
        ])
        expect(event['organization_id']).toBe(from.sourceOf(index))
        expect(event['transaction_id']).toBe(from.idOf(index))
        expect(event['timestamp']).toBe(new Date(from.timeMsOf(index)).toISOString())
        expect(event['value']).toBe(from.valueAt(index))
        expect(from.valueAt(index) * 64).toBe(from.value64Of(index))
        expect(Number.isInteger(from.value64Of(index))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('say the same as a COPY row, whose columns need no escapes', () => {
    fc.assert(
      fc.property(populations, seeds, anyIndex, (events, seed, index) => {
        const from = stream(events, seed)
        const event = JSON.parse(jsonOf(from, index)) as Record<string, unknown>
        const row = rowOf(from, index)
        expect(row).toHaveLength(BILLING_COLUMNS.copy.length)
        const value = String(event['value'])
        const properties = JSON.stringify(event['properties'])
        const texts = Object.values(event).slice(0, 5)
        expect(row).toEqual([...texts, properties, value, value])
        expect(row.join('')).not.toContain('\\')
      }),
      { numRuns: 60 },
    )
  })

  it.each([250, 260, 262, 300, 540, 2_000, 65_536])(
    'are %i long on average, within 5 %%',
    (payloadBytes) => {
      const from = stream({ payloadBytes })
      const target = Buffer.alloc(from.maxEventBytes)
      const count = payloadBytes > 10_000 ? 512 : 8_192
      let bytes = 0
      for (let index = 0; index < count; index++) bytes += from.writeJson(index, target, 0)
      expect(Math.abs(bytes / count / payloadBytes - 1)).toBeLessThan(0.05)
    },
  )

  it('compress better the more of the payload repeats', () => {
    const compressed = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1].map((compressibleRatio) => {
      const from = stream({ compressibleRatio, payloadBytes: 1_000 })
      return gzipSync(bytesOf(from, span(0, 500))).length
    })
    expect(compressed).toEqual([...compressed].sort((a, b) => b - a))
    expect(compressed[0]! / compressed.at(-1)!).toBeGreaterThan(3)
  })

  it.each([
    ['uuidv4', '35497554a12b2169e079d757be2bb4515ff5770756266794796c38d5c366cb58'],
    ['uuidv7', '26aa1c32f5e5080fee1237f22eea24bc9f8fb106f6da9ec09a6c7c2bc99582b0'],
    ['sequential', '55cbd06d12f58705c004f0878eedde6bc76ac7017cbd3fc14969b587fd10bf3a'],
  ] as const)('are the same in every version, with %s', (identifiers, sha256) => {
    const population = { identifiers, duplicateRatio: 0.01, lateRatio: 0.01, outOfOrderRatio: 0.1 }
    const indexes = [...span(0, 2_000), ...span(2 ** 24 - 50, 2 ** 24 + 50), PRELOAD_BASE_INDEX]
    const bytes = bytesOf(stream(population), indexes)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
  })

  it('differ from event to event and from seed to seed', () => {
    const from = stream()
    const texts = [...span(0, 500)].map((index) => jsonOf(from, index))
    expect(new Set(texts).size).toBe(500)
    expect(jsonOf(stream({}, 8), 3)).not.toBe(texts[3])
  })
})

describe('an identity', () => {
  it('leads back to the index of the original, and to no other', () => {
    fc.assert(
      fc.property(populations, seeds, anyIndex, (events, seed, index) => {
        const from = stream(events, seed)
        expect(from.indexOf(from.sourceOf(index), from.idOf(index))).toBe(from.canonicalOf(index))
      }),
      { numRuns: 500 },
    )
  })

  it('of another seed, another organization or another maker is foreign', () => {
    fc.assert(
      fc.property(populations, seeds, anyIndex, fc.uuid(), (events, seed, index, uuid) => {
        const from = stream(events, seed)
        const other = stream(events, (seed + 1) % 2 ** 31)
        const source = from.sourceOf(index)
        expect(from.indexOf(source, other.idOf(index))).toBeNull()
        expect(from.indexOf(uuid, from.idOf(index))).toBeNull()
        expect(from.indexOf(source, uuid)).toBeNull()
        expect(from.indexOf(source, '')).toBeNull()
        expect(from.indexOf(source, from.idOf(index).slice(1))).toBeNull()
      }),
      { numRuns: 300 },
    )
  })

  it('with any one digit changed is foreign', () => {
    for (const identifiers of ['uuidv4', 'uuidv7'] as const) {
      const from = stream({ identifiers })
      const id = from.idOf(4_711)
      for (let at = 0; at < id.length; at++) {
        if (id[at] === '-') continue
        const changed = id.slice(0, at) + (id[at] === '0' ? '1' : '0') + id.slice(at + 1)
        expect(from.indexOf(from.sourceOf(4_711), changed)).toBeNull()
      }
    }
  })

  it('is a UUID of its version where asked for', () => {
    expect(stream({ identifiers: 'uuidv4' }).idOf(9)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/,
    )
    expect(stream({ identifiers: 'uuidv7' }).idOf(9)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/,
    )
    expect(stream({ identifiers: 'sequential' }).idOf(9)).toBe('tx-7-0000000000000009')
    expect(stream().sourceOf(9)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/)
  })

  it('is spread over the whole range when random, ascends with time when time-ordered', () => {
    const from = stream()
    const random = [...span(0, 4_096)].map((index) => parseInt(from.idOf(index).slice(0, 2), 16))
    expect(new Set(random).size).toBeGreaterThan(250)
    const ordered = stream({ identifiers: 'uuidv7' })
    const prefixes = [...span(0, 4_096)].map((index) => ordered.idOf(index).slice(0, 13))
    expect(prefixes).toEqual([...prefixes].sort())
  })
})

describe('deliberate imperfections', () => {
  it('repeat an original within the window, byte for byte, in the share that was asked for', () => {
    const from = stream({ duplicateRatio: 0.1, lateRatio: 0.2 })
    let repeats = 0
    for (let index = 0; index < 20_000; index++) {
      const canonical = from.canonicalOf(index)
      if (canonical === index) continue
      repeats++
      expect(canonical).toBeLessThan(index)
      expect(index - canonical).toBeLessThanOrEqual(DUPLICATE_WINDOW)
      expect(from.canonicalOf(canonical)).toBe(canonical)
      if (repeats < 200) expect(jsonOf(from, index)).toBe(jsonOf(from, canonical))
    }
    expect(repeats / 20_000).toBeCloseTo(0.1, 1)
  })

  it('end at an original even where nearly everything repeats', () => {
    const from = stream({ duplicateRatio: 1 })
    for (let index = 0; index < 10_000; index++) {
      const canonical = from.canonicalOf(index)
      expect(from.canonicalOf(canonical)).toBe(canonical)
      expect(index - canonical).toBeLessThanOrEqual(DUPLICATE_WINDOW)
    }
  })

  it('put events into the past by the amounts and shares that were asked for', () => {
    const from = stream({ lateRatio: 0.1, lateByS: 60, outOfOrderRatio: 0.3, outOfOrderByMs: 500 })
    let late = 0
    let shuffled = 0
    for (let index = 0; index < 20_000; index++) {
      const delayMs = Math.floor(EPOCH_MS + index * 0.37) - from.timeMsOf(index)
      if (delayMs === 60_000) late++
      else if (delayMs > 0) shuffled++
      expect(delayMs === 60_000 || (delayMs >= 0 && delayMs <= 500)).toBe(true)
    }
    expect(late / 20_000).toBeCloseTo(0.1, 1)
    expect(shuffled / 20_000).toBeCloseTo(0.27, 1)
  })
})

describe('the population', () => {
  it('follows Zipf’s law over organizations', () => {
    const organizations = 50
    const from = stream({ organizations, zipfExponent: 1.1 })
    const counts = new Map<string, number>()
    const events = 100_000
    for (let index = 0; index < events; index++) {
      const source = from.sourceOf(index)
      counts.set(source, (counts.get(source) ?? 0) + 1)
    }
    const weights = Array.from({ length: organizations }, (_, rank) => (rank + 1) ** -1.1)
    const total = weights.reduce((sum, weight) => sum + weight)
    const found = [...counts.values()].sort((a, b) => b - a)
    expect(found).toHaveLength(organizations)
    // Pearson's chi-squared over 50 cells: 49 degrees of freedom, 100 is beyond any usual doubt.
    const distance = weights.reduce((sum, weight, rank) => {
      const expected = (events * weight) / total
      return sum + (found[rank]! - expected) ** 2 / expected
    }, 0)
    expect(distance).toBeLessThan(100)
  })

  it('is uniform when the exponent is 0', () => {
    const from = stream({ organizations: 10, zipfExponent: 0 })
    const counts = new Map<string, number>()
    for (let index = 0; index < 50_000; index++) {
      const source = from.sourceOf(index)
      counts.set(source, (counts.get(source) ?? 0) + 1)
    }
    for (const count of counts.values()) expect(Math.abs(count / 5_000 - 1)).toBeLessThan(0.1)
  })
})

describe('preloaded rows', () => {
  const ROWS = 2_000
  const spec = { source: 'generated', shape: 'billing', seed: 3 } as const
  const preload = { rows: ROWS, epochMs: EPOCH_MS, spanS: 3_600 }

  it('never repeat one another, never meet the run’s own, and lie before the epoch', async () => {
    const events = EventPopulation.parse({ duplicateRatio: 0.5, lateRatio: 0.5 })
    const from = await openStream({ ...spec, events }, (index) =>
      index >= PRELOAD_BASE_INDEX ? preloadTimeOf(index, preload) : EPOCH_MS + index,
    )
    const chunks: Buffer[] = []
    for await (const chunk of preloadRows(from, ROWS)) chunks.push(chunk)
    const rows = Buffer.concat(chunks).toString('latin1').trimEnd().split('\n')
    expect(rows).toHaveLength(ROWS)
    expect(chunks.length).toBeGreaterThan(1)
    for (const chunk of chunks) expect(chunk.length).toBeLessThan(300 * 1024)
    const times = rows.map((row) => Date.parse(row.split('\t')[4]!))
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times[0]).toBe(EPOCH_MS - 3_600_000)
    expect(times.at(-1)).toBeLessThan(EPOCH_MS)
    rows.forEach((row, position) => {
      const [source, id] = row.split('\t')
      expect(from.indexOf(source!, id!)).toBe(PRELOAD_BASE_INDEX + position)
    })
  })
})
