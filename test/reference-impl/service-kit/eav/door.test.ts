import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EAV_DOOR } from '../../../../reference-impl/service-kit/eav/door.ts'
import { EventPopulation } from '../../../../src/scenario/scenario.ts'
import { openStream } from '../../../../src/shapes/open-stream.ts'
import { validatorAt } from '../../../contract/openapi-check.ts'

const GOOD = {
  tenant_id: '0190c3e0-8c1f-7a55-b0aa-0123456789ab',
  write_id: 'w-1',
  entity_id: 7,
  attribute: 'color',
  value: 'red',
  written_at: '2026-02-25T12:00:00Z',
}
const anything = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme', minLength: 250, maxLength: 520 }),
  fc.double(),
  fc.integer(),
  fc.constantFrom(null, true, 1e15, -1e15, 2 ** 53, [], {}, 'a\0', '2026-02-25T12:00:00+01:00'),
)
const anyWrite = fc
  .tuple(
    fc.dictionary(
      fc.constantFrom(...Object.keys(GOOD), 'weight', 'critical', 'note', 'more'),
      anything,
      { maxKeys: 1 },
    ),
    fc.option(fc.constantFrom(...Object.keys(GOOD)), { freq: 6 }),
  )
  .map(([changed, dropped]) =>
    Object.fromEntries(
      Object.entries({ ...GOOD, ...changed }).filter(([name]) => name !== dropped),
    ),
  )
  // What the service sees has been through JSON; lone surrogates are beyond what a JSON Schema pattern can say.
  .map((write) => JSON.parse(JSON.stringify(write)) as Record<string, unknown>)
  .filter((write) => !/\\ud[89a-f]/.test(JSON.stringify(write)))

describe('the door of attribute writes', () => {
  it('takes exactly what the schema in openapi.yaml takes', () => {
    const schema = validatorAt(['components', 'schemas', 'AttributeWrite'])
    let taken = 0
    fc.assert(
      fc.property(anyWrite, (write) => {
        const { ok } = EAV_DOOR.read(write)
        if (ok) taken++
        expect(ok, JSON.stringify(write)).toBe(schema(write))
      }),
      { numRuns: 2_000 },
    )
    expect(taken).toBeGreaterThan(100)
  })

  it('takes every write that the harness sends, with the weight that the audit expects', async () => {
    const events = EventPopulation.parse({ payloadBytes: 400, duplicateRatio: 0.1, lateRatio: 0.2 })
    const spec = { source: 'generated', shape: 'eav', seed: 7, events } as const
    const stream = await openStream(spec, (index) => Date.UTC(2026, 1, 25) + index * 7)
    const buffer = Buffer.alloc(stream.maxEventBytes)
    for (let index = 0; index < 500; index++) {
      const text = buffer.toString('utf8', 0, stream.writeJson(index, buffer, 0))
      const read = EAV_DOOR.read(JSON.parse(text))
      if (!read.ok) throw new Error(`${read.reason}: ${text}`)
      expect(read.event.writeId).toBe(stream.idOf(index))
      expect(read.event.tenantId).toBe(stream.sourceOf(index))
      expect((read.event.weight ?? 0) * 64).toBe(stream.value64Of(index))
    }
  })
})
