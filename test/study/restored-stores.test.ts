import { describe, expect, it } from 'vitest'
import { restoresOf } from '../../src/study/restored-stores.ts'

const target = (lostWith?: readonly string[]) => ({
  engines: [
    { role: 'database', engine: { kind: 'postgres', name: 'postgres' } },
    { role: 'warehouse', engine: { kind: 'clickhouse', name: 'clickhouse' } },
  ] as const,
  running: {
    stores: [
      { name: 'postgres.events', engine: 'postgres' },
      { name: 'clickhouse.events', engine: 'clickhouse' },
    ] as const,
  },
  promises: {
    stores: [
      { store: 'postgres.events' },
      { store: 'clickhouse.events', ...(lostWith === undefined ? {} : { lostWith }) },
    ],
  },
})
const restored = { upTo: 'the point headroom_1', keptUntilMs: 4_000 }
const mark = { on: 'database', toMs: 9_000, restored }
const patience = { requestTimeoutMs: 3_000 }

describe('a restore', () => {
  it('excuses stores on its own engine, until answers of before can have come no more', () => {
    const found = restoresOf(target(), [mark], patience)
    expect([...found]).toEqual([['postgres.events', [{ ...restored, lostUntilMs: 12_000 }]]])
  })

  it('excuses another store only where its promise says that it is lost with this engine', () => {
    const found = restoresOf(target(['postgres', 'clickhouse']), [mark], patience)
    expect([...found.keys()]).toEqual(['postgres.events', 'clickhouse.events'])
    expect([...restoresOf(target(['redis']), [mark], patience).keys()]).toEqual(['postgres.events'])
  })

  it('that was not done excuses nothing; each that was, its own span', () => {
    expect(restoresOf(target(), [{ on: 'database', toMs: 9_000 }], patience).size).toBe(0)
    const found = restoresOf(target(), [mark, { ...mark, toMs: 20_000 }], patience)
    expect(found.get('postgres.events')?.map(({ lostUntilMs }) => lostUntilMs)).toEqual([
      12_000, 23_000,
    ])
  })
})
