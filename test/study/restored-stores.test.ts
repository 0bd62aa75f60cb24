import { describe, expect, it } from 'vitest'
import { restoresOf } from '../../src/study/restored-stores.ts'

const UNLOGGED = { survives: 'nothing', lostWith: ['postgres'] } as const
const target = (lostWith?: readonly string[], unlogged = false) => ({
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
      { store: 'postgres.events', ...(unlogged ? UNLOGGED : { survives: 'power-loss' as const }) },
      {
        store: 'clickhouse.events',
        survives: 'power-loss' as const,
        ...(lostWith === undefined ? {} : { lostWith }),
      },
    ],
  },
})
const restored = { upTo: 'the point headroom_1', keptUntilMs: 4_000 }
const mark = { kind: 'restore', on: 'database', begun: true, toMs: 9_000, restored } as const
const kill = { kind: 'kill', on: 'postgres', begun: true, toMs: 6_000 } as const
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
    expect(
      restoresOf(
        target(),
        [{ kind: 'restore', on: 'database', begun: true, toMs: 9_000 }],
        patience,
      ).size,
    ).toBe(0)
    const found = restoresOf(target(), [mark, { ...mark, toMs: 20_000 }], patience)
    expect(found.get('postgres.events')?.map(({ lostUntilMs }) => lostUntilMs)).toEqual([
      12_000, 23_000,
    ])
  })
})

describe('a death', () => {
  const died = { killed: 'postgres', upTo: 'the start', keptUntilMs: 0 }

  it('excuses what survives none and names it, until it is back, and nothing later', () => {
    const found = restoresOf(target(undefined, true), [kill], patience)
    expect([...found]).toEqual([['postgres.events', [{ ...died, lostUntilMs: 9_000 }]]])
  })

  it('excuses nothing where another part died, or none, or more is promised', () => {
    const unlogged = target(undefined, true)
    expect(restoresOf(unlogged, [{ ...kill, on: 'service' }], patience).size).toBe(0)
    expect(restoresOf(unlogged, [{ ...kill, begun: false }], patience).size).toBe(0)
    expect(restoresOf(target(), [kill], patience).size).toBe(0)
  })

  it('is part of a restore: what no death spares is not in the archive either', () => {
    const found = restoresOf(target(undefined, true), [mark], patience)
    expect([...found]).toEqual([['postgres.events', [{ ...died, lostUntilMs: 12_000 }]]])
  })
})
