import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NotAcceptedTally } from '../../src/drive/not-accepted.ts'

it('tells every request that was not accepted once, the most frequent reasons by name', () => {
  const ended = fc.oneof(
    fc.record({ status: fc.integer({ min: 200, max: 599 }), whole: fc.boolean() }),
    fc.record({ code: fc.string() }),
  )
  fc.assert(
    fc.property(fc.array(ended, { maxLength: 200 }), (all) => {
      const tally = new NotAcceptedTally()
      for (const one of all) {
        if ('code' in one) tally.lost(one.code)
        else tally.answered(one.status, one.whole)
      }
      const { answeredRequests, reasons, otherRequests } = tally.result((status) => status !== 404)
      const told = reasons.reduce((sum, { requests }) => sum + requests, otherRequests)
      expect(told).toBe(all.filter((one) => 'code' in one || !one.whole).length)
      expect(answeredRequests).toBe(all.filter((one) => 'status' in one).length)
      expect(reasons.length).toBeLessThanOrEqual(5)
      for (const reason of reasons) {
        if (reason.by === 'answer') expect(reason.unnamed).toBe(reason.status === 404 || undefined)
      }
      const counts = reasons.map(({ requests }) => requests)
      expect(counts).toEqual(counts.toSorted((a, b) => b - a))
    }),
  )
})
