import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OutboxRow } from '../../../../reference-impl/service-kit/outbox/queue.ts'
import {
  deliverHalving,
  tokenOf,
  type SinkAnswer,
  type SinkBatch,
} from '../../../../reference-impl/service-kit/outbox/sink.ts'

const rowsOf = (ids: readonly number[]): readonly OutboxRow[] =>
  ids.map((id) => ({ id: String(id), payload: '{}', attempts: 1 }))
const idsOf = (rows: readonly OutboxRow[]): readonly number[] => rows.map(({ id }) => Number(id))

describe('a batch that its sink refuses', () => {
  it('is halved until each row to blame is alone, and every row ends up in exactly one place', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(10_000), { minLength: 1, maxLength: 60 }),
        fc.nat(7),
        fc.nat(9),
        async (ids, modulus, awayAfter) => {
          const isBad = (id: number): boolean => modulus > 0 && id % modulus === 0
          const seen: number[] = []
          let calls = 0
          const send = ({ rows }: SinkBatch): Promise<SinkAnswer> => {
            calls++
            const because = 'x'
            if (awayAfter > 0 && calls > awayAfter)
              return Promise.resolve({ state: 'away', because })
            if (idsOf(rows).some(isBad)) return Promise.resolve({ state: 'bad-data', because })
            seen.push(...idsOf(rows))
            return Promise.resolve({ state: 'delivered' })
          }
          const { taken, refused, open } = await deliverHalving(send, 1, rowsOf(ids))
          expect(idsOf(taken)).toEqual(seen)
          expect(refused.every(({ row }) => isBad(Number(row.id)))).toBe(true)
          const all = [...idsOf(taken), ...refused.map(({ row }) => Number(row.id)), ...idsOf(open)]
          expect(all.sort((a, b) => a - b)).toEqual([...ids].sort((a, b) => a - b))
          if (awayAfter === 0) expect(open).toEqual([])
        },
      ),
    )
  })

  it('carries a token that is of its rows and its consumer alone', () => {
    expect(tokenOf(1, rowsOf([1, 2]))).toBe(tokenOf(1, rowsOf([1, 2])))
    expect(tokenOf(1, rowsOf([1, 2]))).not.toBe(tokenOf(2, rowsOf([1, 2])))
    expect(tokenOf(1, rowsOf([1, 2]))).not.toBe(tokenOf(1, rowsOf([12])))
  })
})
