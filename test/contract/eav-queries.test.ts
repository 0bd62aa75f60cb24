/** Q9 and Q10 against a plain computation over what was sent, in every form and schema variant, with their headers. */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { HOT_FORMS, hotQuery } from '../../reference-impl/service-kit/eav/statements.ts'
import { startRig, untilReadable } from './architecture-rig.ts'
import { sqlOf } from './rig-sql.ts'
import { makeWrite, type WriteBody } from './shape-kits.ts'

const VARIANTS = [
  ['default', 'containment', 'indexed', 'month', 1],
  ['top-n', 'arrow', 'join', 'day', 2],
  ['no-gin', 'jsonpath', 'indexed', 'day', 1],
  ['top-n', 'containment', 'top-n', 'day', 2],
] as const

const COLORS = ['red', 'blue', 'green']
const STATES = ['new', 'active', 'closed', 'deleted']

function writesOf(tenant_id: string): readonly WriteBody[] {
  return Array.from({ length: 40 }, (_, entity_id) => {
    const day = String(1 + (entity_id % 25)).padStart(2, '0')
    const of = (attribute: string, value: string | number, critical: boolean) =>
      makeWrite({
        tenant_id,
        entity_id,
        attribute,
        value,
        critical,
        written_at: `2026-02-${day}T12:00:00Z`,
      })
    return [
      of('color', COLORS[entity_id % 3]!, true),
      // Every fourth is no number at all: nothing may fail for it.
      of('size', entity_id % 4 === 0 ? 'XL' : entity_id * 7.5, true),
      of('status', STATES[entity_id % 4]!, false),
      of('status', STATES[(entity_id + 1) % 4]!, false),
      of('price', entity_id, false),
    ]
  }).flat()
}

describe.each(VARIANTS)(
  'eav with schema %s, Q9 as %s, Q10 as %s, by %s in %i shards',
  (schemaVariant, hotQuery, distinctQuery, partitionBy, hashShards) => {
    it('answers as a plain computation does, and says how old the answer may be', async () => {
      const settings = { hotQuery, distinctQuery, partitionBy, hashShards }
      await using rig = await startRig('eav', { schemaVariant, settings })
      const tenant_id = randomUUID()
      const writes = writesOf(tenant_id)
      const others = writesOf(randomUUID())
      await rig.client.post([...writes, ...others])
      await untilReadable(rig.up.running.stores[0]!, writes.length + others.length)

      const q9 = await rig.client.query('Q9', { tenant_id })
      const rows = q9.body['rows'] as { entity_id: number; hot_attrs: Record<string, unknown> }[]
      const red = Array.from({ length: 40 }, (_, entity) => entity).filter(
        (entity) => entity % 3 === 0 && entity % 4 !== 0 && entity * 7.5 > 100,
      )
      expect(rows.map(({ entity_id }) => entity_id).sort((a, b) => a - b)).toEqual(red)
      for (const { entity_id, hot_attrs } of rows) {
        expect(hot_attrs).toEqual({ color: 'red', size: entity_id * 7.5 })
      }

      const [from, to] = ['2026-02-05T00:00:00Z', '2026-02-20T00:00:00Z']
      const q10 = await rig.client.query('Q10', { tenant_id, from, to })
      const entities = new Map<string, Set<number>>()
      for (const { attribute, value, entity_id, written_at } of writes) {
        if (attribute !== 'status' || written_at < from || written_at >= to) continue
        const key = String(value)
        entities.set(key, (entities.get(key) ?? new Set()).add(entity_id))
      }
      const expected = [...entities]
        .map(([value, { size }]) => ({ attribute: 'status', value, entities: size }))
        .sort((a, b) => b.entities - a.entities || (a.value < b.value ? -1 : 1))
      expect(q10.body['rows']).toEqual(expected)
      const q4 = await rig.client.query('Q4', { tenant_id, write_id: writes[3]!.write_id })
      expect(q4.body['rows']).toMatchObject([{ attribute: 'status', entity_id: 0 }])
      for (const [name, params] of [
        ['Q9', { tenant_id }],
        ['Q10', { tenant_id, from, to }],
        ['Q4', { tenant_id, write_id: writes[3]!.write_id }],
      ] as const) {
        const { body } = await rig.client.query(name, { ...params, explain: '1' })
        expect((body['meta'] as { rowsRead: number }).rowsRead).toBeGreaterThan(0)
      }
      for (const answer of [q9, q10, q4]) {
        expect(answer.body['stale']).toBe(false)
        expect(answer.headers.get('x-data-source')).toMatch(/^postgres\./)
        expect(Number(answer.headers.get('x-data-lag-seconds'))).toBe(0)
        expect(answer.headers.get('x-consistency-level')).toBe('strong')
      }
      expect((await rig.client.query('Q1', {})).status).toBe(404)
      expect((await rig.client.query('Q9', {})).status).toBe(400)
    })
  },
)

describe('Q9 as the documents ask it', () => {
  it('answers as every other form does while sizes are numbers, and not at all once one is not', async () => {
    await using rig = await startRig('eav', { settings: { hotQuery: 'seed' } })
    const tenant_id = randomUUID()
    const isNumber = ({ attribute, value }: WriteBody) => attribute !== 'size' || value !== 'XL'
    const writes = writesOf(tenant_id).filter(isNumber)
    await rig.client.post([...writes, ...writesOf(randomUUID()).filter(isNumber)])
    const red = Array.from({ length: 40 }, (_, entity) => entity).filter(
      (entity) => entity % 3 === 0 && entity % 4 !== 0 && entity * 7.5 > 100,
    )
    const { body } = await rig.client.query('Q9', { tenant_id })
    const rows = body['rows'] as { entity_id: number; hot_attrs: unknown }[]
    const sorted = (found: typeof rows) => found.toSorted((a, b) => a.entity_id - b.entity_id)
    expect(sorted(rows).map(({ entity_id }) => entity_id)).toEqual(red)
    for (const form of HOT_FORMS) {
      const found = await sqlOf<(typeof rows)[number]>(rig, hotQuery(form), [tenant_id])
      expect(sorted([...found]), form).toEqual(sorted(rows))
    }
    await rig.client.post(
      makeWrite({
        tenant_id,
        entity_id: red[0]!,
        attribute: 'size',
        value: 'XL',
        written_at: '2026-03-01T00:00:00Z',
      }),
    )
    expect((await rig.client.query('Q9', { tenant_id })).status).toBe(503)
  })
})
