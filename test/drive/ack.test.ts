import { describe, expect, it } from 'vitest'
import type { Ack } from '../../src/drive/ack.ts'
import { AckReader } from '../../src/drive/ack.ts'

function read(status: number, body: unknown, events = 3, reader = new AckReader()): Ack {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  // Bytes around the body belong to others.
  const buffer = Buffer.from(`junk${text}junk`)
  return reader.read({ status, buffer, from: 4, to: buffer.length - 4 }, events)
}

const whole = (outcome: string): unknown => ({ kind: 'whole', outcome })

describe('what an answer means', () => {
  it('takes shed, refused and failed requests by their status', () => {
    expect(read(429, '')).toEqual(whole('shed'))
    expect(read(503, '')).toEqual(whole('shed'))
    expect(read(400, '')).toEqual(whole('rejected'))
    expect(read(413, '')).toEqual(whole('rejected'))
    expect(read(302, '')).toEqual(whole('rejected'))
    // A gateway that gave up does not know what the service did.
    for (const status of [500, 502, 504]) expect(read(status, '')).toEqual(whole('unknown'))
  })

  it('believes a 2xx whose body it does not know', () => {
    for (const body of ['', 'ok', '[]', '{"id":7}', '{"accepted":"yes"}', 'null', '{"acc']) {
      expect(read(202, body)).toEqual(whole('accepted'))
    }
  })

  it('reads one outcome for all, and which items differ', () => {
    expect(read(200, { accepted: 3, duplicate: 0, rejected: 0 })).toEqual(whole('accepted'))
    expect(read(200, { accepted: 0, duplicate: 3, rejected: 0 })).toEqual(whole('duplicate'))
    expect(read(200, { accepted: 0, duplicate: 0, rejected: 3 })).toEqual(whole('rejected'))
    const items = [
      { index: 0, status: 'accepted' },
      { index: 1, status: 'duplicate' },
      { index: 2, status: 'rejected', reason: 'code' },
    ]
    expect(read(200, { accepted: 1, duplicate: 1, rejected: 1, items })).toEqual({
      kind: 'mixed',
      duplicates: [1],
      rejected: [2],
    })
  })

  it('does not know what became of rejected items that are not named, or of too few accepted', () => {
    expect(read(200, { accepted: 2, duplicate: 0, rejected: 1 })).toEqual(whole('unknown'))
    expect(read(200, { accepted: 2, duplicate: 0, rejected: 0 })).toEqual(whole('unknown'))
    const items = [{ index: 9, status: 'rejected' }]
    expect(read(200, { accepted: 2, duplicate: 0, rejected: 1, items })).toEqual(whole('unknown'))
  })

  it('does not mistake another answer for the usual one', () => {
    const reader = new AckReader()
    const usual = { accepted: 3, duplicate: 0, rejected: 0 }
    expect(read(200, usual, 3, reader)).toEqual(whole('accepted'))
    expect(read(200, usual, 3, reader)).toEqual(whole('accepted'))
    // The same bytes for a larger batch acknowledge only a part of it.
    expect(read(200, usual, 4, reader)).toEqual(whole('unknown'))
    expect(read(200, { accepted: 0, duplicate: 3, rejected: 0 }, 3, reader)).toEqual(
      whole('duplicate'),
    )
  })
})
