/**
 * Events of every shape as the contract suites need them. In: an architecture's shape. Out: how to make its events, tell them
 * apart, spoil them, and what is read back.
 */
import { randomUUID } from 'node:crypto'
import type { ShapeName } from '../../src/scenario/scenario.ts'
import { architectureById } from '../../src/target/registry.ts'
import { makeEvent } from './service-client.ts'

export type AnyEvent = Readonly<Record<string, unknown>>

export interface ShapeKit {
  /** @param source whose event it is; absent: somebody new */
  make(source?: string): AnyEvent
  sourceOf(event: AnyEvent): string
  idOf(event: AnyEvent): string
  /** The same event, its source spelled another way. */
  respelled(event: AnyEvent): AnyEvent
  /** With every character that is hard to carry, and how it is read back. */
  hard(): { readonly event: AnyEvent; readonly read: AnyEvent }
  /** With nothing that can be left out, and what is read back for that. */
  bare(): { readonly event: AnyEvent; readonly read: AnyEvent }
  /** Each is refused by itself. */
  spoiled(good: AnyEvent): readonly unknown[]
  /** An event that only `check` finds bad, a constraint on the table it is written to. */
  poisoned(source: string): AnyEvent
  readonly check: string
  /** By kind of engine. */
  readonly tables: Readonly<Record<'postgres' | 'clickhouse', string>>
}

const HARD_TEXT = 'tab\tnewline\nquote"backslash\\brace{}comma,ünïcödé😀\r'

const billing: ShapeKit = {
  make: (source) => makeEvent(source === undefined ? {} : { organization_id: source }) as never,
  sourceOf: (event) => event['organization_id'] as string,
  idOf: (event) => event['transaction_id'] as string,
  respelled: (event) => ({
    ...event,
    organization_id: (event['organization_id'] as string).toUpperCase(),
  }),
  hard: () => {
    const event = makeEvent({
      transaction_id: HARD_TEXT,
      external_customer_id: "it's \\N null",
      code: '\\.',
      properties: { text: 'a\\u0000b\n\t"\\', nested: { list: [1, 2.5, null, true] }, empty: '' },
      value: -12345.015625,
      timestamp: '2026-02-25T14:30:00.123456+02:30',
    })
    const timestamp = '2026-02-25T12:00:00.123456Z'
    return {
      event: event as never,
      read: { ...event, timestamp, decimal_value: '-12345.015625' },
    }
  },
  bare: () => {
    const { organization_id, transaction_id, external_customer_id, code, timestamp } = makeEvent()
    const event = { organization_id, transaction_id, external_customer_id, code, timestamp }
    return { event, read: { value: null, decimal_value: null, properties: {} } }
  },
  spoiled: (good) => [
    { ...good, transaction_id: '' },
    { ...good, organization_id: 'not-a-uuid' },
    { ...good, timestamp: '2026-02-30T00:00:00Z' },
    { ...good, value: '1' },
    { ...good, code: 'nul\0' },
    { ...good, surprise: 1 },
    { ...good, properties: [] },
    null,
    7,
  ],
  poisoned: (source) => makeEvent({ organization_id: source, code: 'poison' }) as never,
  check: `code <> 'poison'`,
  tables: { postgres: 'events', clickhouse: 'events_raw' },
}

export interface WriteBody {
  readonly tenant_id: string
  readonly write_id: string
  readonly entity_id: number
  readonly attribute: string
  readonly value: string | number
  readonly weight?: number
  readonly critical?: boolean
  readonly written_at: string
  readonly note?: string
}

export function makeWrite(overrides: Partial<WriteBody> = {}): WriteBody {
  return {
    tenant_id: randomUUID(),
    write_id: randomUUID(),
    entity_id: 42,
    attribute: 'color',
    value: 'red',
    critical: true,
    written_at: '2026-02-25T12:00:00.123Z',
    ...overrides,
  }
}

export function writeKeyOf({ tenant_id, write_id }: WriteBody): string {
  return `${tenant_id}/${write_id}`
}

const eav: ShapeKit = {
  make: (source) => makeWrite(source === undefined ? {} : { tenant_id: source }) as never,
  sourceOf: (event) => event['tenant_id'] as string,
  idOf: (event) => event['write_id'] as string,
  respelled: (event) => ({ ...event, tenant_id: (event['tenant_id'] as string).toUpperCase() }),
  hard: () => {
    const event = makeWrite({
      write_id: HARD_TEXT,
      entity_id: Number.MAX_SAFE_INTEGER,
      attribute: "it's \\N {null}",
      value: '\\.\n"a\\tb",{NULL}',
      weight: -12345.015625,
      note: '',
      written_at: '2026-02-25T14:30:00.123456+02:30',
    })
    return { event: event as never, read: { ...event, written_at: '2026-02-25T12:00:00.123456Z' } }
  },
  bare: () => {
    const { tenant_id, write_id, entity_id, attribute, value, written_at } = makeWrite()
    const event = { tenant_id, write_id, entity_id, attribute, value, written_at }
    return { event, read: { critical: false, weight: null, note: null } }
  },
  spoiled: (good) => [
    { ...good, write_id: '' },
    { ...good, tenant_id: 'not-a-uuid' },
    { ...good, written_at: '2026-02-30T00:00:00Z' },
    { ...good, value: null },
    { ...good, value: 5, weight: 5 },
    { ...good, attribute: 'nul\0' },
    { ...good, entity_id: 1.5 },
    { ...good, critical: 'yes' },
    { ...good, surprise: 1 },
    null,
    7,
  ],
  poisoned: (source) => makeWrite({ tenant_id: source, value: 'poison' }) as never,
  check: `value <> 'poison'`,
  tables: { postgres: 'entity_values_ingest', clickhouse: 'entity_values_ingest' },
}

const KITS: Readonly<Record<ShapeName, ShapeKit>> = { billing, eav }

/** The first shape that an architecture takes. */
export function kitOf(architecture: string): ShapeKit {
  const [shape = 'billing'] = architectureById(architecture)?.shapes ?? []
  return KITS[shape]
}
