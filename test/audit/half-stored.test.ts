import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { halfStored } from '../../src/audit/half-stored.ts'
import { IndexBits } from '../../src/audit/index-bits.ts'

const bitsOf = (events: number, members: readonly number[]): IndexBits => {
  const bits = new IndexBits(events)
  for (const index of members) bits.add(index)
  return bits
}

interface Input {
  readonly events: number
  readonly batchEvents: number
  readonly unknown: readonly number[]
  readonly stored: readonly number[]
  /** Repeats: index → what it repeats. */
  readonly repeats?: ReadonlyMap<number, number>
}

function foundIn({ events, batchEvents, repeats, ...sets }: Input): readonly number[] {
  const unknown = bitsOf(events, sets.unknown)
  const none = new IndexBits(events)
  return halfStored({
    stored: bitsOf(events, sets.stored),
    sent: {
      ...{ events, unknown, acknowledged: none, refused: none },
      repeated: bitsOf(events, [...(repeats?.values() ?? [])]),
    },
    batchEvents,
  })
}

describe('requests that are stored in part', () => {
  it('are those without an answer of which some events are there and some are not', () => {
    const unknown = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    const shape = { events: 14, batchEvents: 4, unknown }
    expect(foundIn({ ...shape, stored: [4, 5, 6, 7] })).toEqual([])
    expect(foundIn({ ...shape, stored: [0, 1, 2, 3, 8] })).toEqual([8])
    // The last request is shorter.
    expect(foundIn({ ...shape, stored: [4, 12] })).toEqual([4, 12])
  })

  it('are none where another request brought the event that is there', () => {
    const repeats = new Map([[6, 1]])
    const shape = { events: 8, batchEvents: 4, repeats }
    expect(foundIn({ ...shape, unknown: [0, 1, 2, 3, 4, 5, 7], stored: [1, 4, 5, 7] })).toEqual([])
  })

  it('are none where a request is one event', () => {
    expect(foundIn({ events: 3, batchEvents: 1, unknown: [0, 1, 2], stored: [1] })).toEqual([])
  })

  it('are found whatever was stored, and none where every batch is whole', () => {
    const batches = fc.array(fc.constantFrom('all', 'none', 'half'), {
      minLength: 1,
      maxLength: 30,
    })
    fc.assert(
      fc.property(batches, fc.integer({ min: 2, max: 9 }), (fates, batchEvents) => {
        const events = fates.length * batchEvents
        const unknown = Array.from({ length: events }, (_, index) => index)
        const stored = unknown.filter((index) => {
          const fate = fates[Math.floor(index / batchEvents)]
          return fate === 'all' || (fate === 'half' && index % batchEvents === 0)
        })
        const half = fates.flatMap((fate, at) => (fate === 'half' ? [at * batchEvents] : []))
        expect(foundIn({ events, batchEvents, unknown, stored })).toEqual(half)
      }),
    )
  })
})
