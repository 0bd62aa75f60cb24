import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Admission } from '../../../reference-impl/service-kit/admission.ts'

describe('Admission', () => {
  it('never holds more than its limits, except for one request in an empty queue', () => {
    const request = fc.record({
      events: fc.integer({ min: 1, max: 50 }),
      bytes: fc.integer({ min: 1, max: 5_000 }),
    })
    fc.assert(
      fc.property(
        fc.array(fc.oneof(request, fc.constant('release' as const)), { maxLength: 60 }),
        (actions) => {
          const admission = new Admission({ queueEventsMax: 40, queueBytesMax: 4_000 })
          const held: { events: number; bytes: number }[] = []
          for (const action of actions) {
            if (action === 'release') {
              const oldest = held.shift()
              if (oldest !== undefined) admission.release(oldest.events, oldest.bytes)
            } else if (admission.admit(action.events, action.bytes)) {
              held.push(action)
            } else {
              expect(held.length).toBeGreaterThan(0)
            }
            const events = held.reduce((sum, one) => sum + one.events, 0)
            const bytes = held.reduce((sum, one) => sum + one.bytes, 0)
            expect([admission.events, admission.bytes]).toEqual([events, bytes])
            if (held.length > 1) expect(events <= 40 && bytes <= 4_000).toBe(true)
          }
        },
      ),
    )
  })
})
