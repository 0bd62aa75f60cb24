import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventPopulation } from '../../../src/scenario/scenario.ts'
import { EAV_COLUMNS } from '../../../src/shapes/eav/columns.ts'
import { openStream } from '../../../src/shapes/open-stream.ts'
import { shapes } from '../../../src/shapes/registry.ts'
import { PRELOAD_BASE_INDEX, type EventStream } from '../../../src/shapes/stream.ts'

const EPOCH_MS = Date.UTC(2026, 0, 31, 23, 59, 50)

function stream(
  events: Partial<EventPopulation> = {},
  more: { readonly seed?: number; readonly shapeSettings?: Record<string, number> } = {},
): EventStream {
  const spec = { source: 'generated', shape: 'eav', seed: 7, ...more } as const
  return shapes.eav.generate(
    { ...spec, events: EventPopulation.parse({ payloadBytes: 250, ...events }) },
    (index) => EPOCH_MS + (index % PRELOAD_BASE_INDEX) * 0.37,
  )
}

type Write = Readonly<Record<string, unknown>>

function writeAt(from: EventStream, index: number): Write {
  const target = Buffer.alloc(from.maxEventBytes + 16)
  return JSON.parse(target.toString('latin1', 5, from.writeJson(index, target, 5))) as Write
}

function rowAt(from: EventStream, index: number): Readonly<Record<string, string>> {
  const target = Buffer.alloc(from.maxEventBytes + 16)
  const text = target.toString('latin1', 3, from.writeCopyRow(index, target, 3))
  expect(text.endsWith('\n')).toBe(true)
  const cells = text.slice(0, -1).split('\t')
  expect(cells).toHaveLength(EAV_COLUMNS.copy.length)
  return Object.fromEntries(EAV_COLUMNS.copy.map((column, at) => [column, cells[at] ?? '']))
}

const populations = fc.record({
  organizations: fc.integer({ min: 1, max: 300 }),
  customers: fc.integer({ min: 1, max: 30_000 }),
  codes: fc.integer({ min: 1, max: 40 }),
  payloadBytes: fc.integer({ min: 250, max: 2_000 }),
  identifiers: fc.constantFrom('uuidv4' as const, 'uuidv7' as const, 'sequential' as const),
  duplicateRatio: fc.constantFrom(0, 0.3),
  lateRatio: fc.constantFrom(0, 0.1),
})
const indexes = fc.oneof(
  fc.integer({ min: 0, max: 5_000 }),
  fc.integer({ min: PRELOAD_BASE_INDEX, max: PRELOAD_BASE_INDEX + 5_000 }),
)

describe('an attribute write', () => {
  it('is the same in JSON, in COPY text and by its index, and turns back into its index', () => {
    fc.assert(
      fc.property(populations, indexes, (events, index) => {
        const from = stream(events)
        const canonical = from.canonicalOf(index)
        const write = writeAt(from, index)
        const row = rowAt(from, index)
        expect(write['tenant_id']).toBe(from.sourceOf(index))
        expect(write['write_id']).toBe(from.idOf(index))
        expect(from.indexOf(from.sourceOf(index), from.idOf(index))).toBe(canonical)
        const isNumber = typeof write['value'] === 'number'
        const weight = Number(isNumber ? write['value'] : write['weight'])
        expect(weight * 64).toBe(from.value64Of(index))
        expect(Number.isInteger(weight * 64)).toBe(true)
        expect(Date.parse(String(write['written_at']))).toBe(from.timeMsOf(index))
        expect(row).toEqual({
          tenant_id: write['tenant_id'],
          write_id: write['write_id'],
          entity_id: String(write['entity_id']),
          written_at: write['written_at'],
          note: write['note'] ?? '\\N',
          attribute: write['attribute'],
          data_type: isNumber ? 'number' : 'text',
          critical: write['critical'] === true ? 't' : 'f',
          value: String(write['value']),
          weight: String(weight),
        })
        expect(write).toEqual(writeAt(stream(events), canonical))
      }),
    )
  })

  it('has only the fields that the shape names, and its mean size is what was asked for', () => {
    for (const payloadBytes of [250, 600, 4_000]) {
      const from = stream({ payloadBytes })
      const target = Buffer.alloc(from.maxEventBytes)
      const count = 4_096
      let bytes = 0
      for (let index = 0; index < count; index++) bytes += from.writeJson(index, target, 0)
      expect(Math.abs(bytes / count / payloadBytes - 1)).toBeLessThan(
        payloadBytes === 250 ? 0.1 : 0.03,
      )
      for (const field of Object.keys(writeAt(from, 3))) expect(shapes.eav.fields).toContain(field)
    }
  })

  it('never overlaps the one behind it, whatever stood in the buffer', () => {
    const from = stream({ payloadBytes: 300 })
    const target = Buffer.alloc(from.maxEventBytes * 60, 'x')
    let end = 0
    const ends: number[] = []
    for (let index = 0; index < 50; index++) ends.push((end = from.writeJson(index, target, end)))
    for (const [index, at] of ends.entries()) {
      const text = target.toString('latin1', index === 0 ? 0 : ends[index - 1], at)
      expect(JSON.parse(text)).toEqual(writeAt(from, index))
    }
  })

  it('is critical by its attribute, in the share that was asked for', () => {
    const shares = new Map<number, number>()
    for (const criticalRatio of [0, 0.3, 1]) {
      const from = stream({ codes: 10 }, { shapeSettings: { criticalRatio } })
      const byAttribute = new Map<unknown, unknown>()
      let critical = 0
      for (let index = 0; index < 5_000; index++) {
        const write = writeAt(from, index)
        const flag = write['critical'] ?? false
        expect(byAttribute.get(write['attribute']) ?? flag).toBe(flag)
        byAttribute.set(write['attribute'], flag)
        if (flag === true) critical++
      }
      expect(byAttribute.size).toBe(10)
      shares.set(criticalRatio, critical / 5_000)
    }
    expect(shares.get(0)).toBe(0)
    expect(shares.get(0.3)).toBeCloseTo(0.3, 1)
    expect(shares.get(1)).toBe(1)
  })

  it('of another seed is another one, with the attributes of the documents in each', async () => {
    const [one, other] = [stream(), stream({}, { seed: 8 })]
    expect(one.idOf(5)).not.toBe(other.idOf(5))
    expect(one.indexOf(other.sourceOf(5), other.idOf(5))).toBeNull()
    const names = new Set(Array.from({ length: 300 }, (_, i) => writeAt(other, i)['attribute']))
    for (const name of ['color', 'size', 'status', 'category']) expect(names).toContain(name)
    const events = EventPopulation.parse({})
    const spec = { source: 'generated', shape: 'eav', seed: 1, events } as const
    expect((await openStream(spec, () => 0)).eventCount).toBe(Infinity)
  })
})
