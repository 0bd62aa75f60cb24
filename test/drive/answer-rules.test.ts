import { describe, expect, it } from 'vitest'
import { AnswerRulesReader } from '../../src/drive/answer-rules.ts'
import type { AnswerSpeech } from '../../src/drive/job.ts'

const rules: AnswerSpeech = {
  accepted: { statuses: [2], body: [{ path: 'result.status', values: ['stored', 'new'] }] },
  duplicate: { statuses: [409], body: [] },
  rejected: { statuses: [400, 422], body: [] },
  shed: { statuses: [429, 503], body: [] },
  items: null,
}

function read(speech: AnswerSpeech, status: number, body: unknown, events = 1): unknown {
  const buffer = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return new AnswerRulesReader(speech).read({ status, buffer, from: 0, to: buffer.length }, events)
}

describe('an answer', () => {
  it.each([
    [201, { result: { status: 'stored' } }, 'accepted'],
    [200, { result: { status: 'queued' } }, 'unknown'],
    [200, { result: 'stored' }, 'unknown'],
    [200, 'no JSON at all', 'unknown'],
    [409, {}, 'duplicate'],
    [422, {}, 'rejected'],
    [404, {}, 'rejected'],
    [301, {}, 'rejected'],
    [429, {}, 'shed'],
    [503, {}, 'shed'],
    [500, {}, 'unknown'],
  ])('%i %j means %s', (status, body, outcome) => {
    expect(read(rules, status, body)).toEqual({ kind: 'whole', outcome })
  })

  it('means the same when it comes again, and something else when its body changes', () => {
    const reader = new AnswerRulesReader(rules)
    const answer = (status: string) => {
      const buffer = Buffer.from(JSON.stringify({ result: { status } }))
      return reader.read({ status: 200, buffer, from: 0, to: buffer.length }, 1)
    }
    expect(answer('stored')).toEqual(answer('stored'))
    expect(answer('queued')).toEqual({ kind: 'whole', outcome: 'unknown' })
    expect(answer('stored')).toEqual({ kind: 'whole', outcome: 'accepted' })
  })

  it('that says no and yes says no', () => {
    const both = { ...rules, shed: { statuses: [202], body: [] } }
    expect(read(both, 202, { result: { status: 'stored' } })).toEqual({
      kind: 'whole',
      outcome: 'shed',
    })
  })

  it('is not fooled by what every object inherits', () => {
    const inherited = {
      ...rules,
      accepted: { statuses: [2], body: [{ path: 'constructor.name', values: ['Object'] }] },
    }
    expect(read(inherited, 200, {})).toEqual({ kind: 'whole', outcome: 'unknown' })
  })
})

describe('an answer that tells events apart', () => {
  const items: AnswerSpeech = {
    ...rules,
    accepted: { statuses: [2], body: [] },
    items: {
      at: 'results',
      field: 'state',
      accepted: ['ok'],
      duplicate: ['again'],
      rejected: ['bad'],
    },
  }
  const answer = (...states: string[]) => ({ results: states.map((state) => ({ state })) })

  it('names the positions of repeated and refused ones', () => {
    expect(read(items, 200, answer('ok', 'again', 'bad', 'ok'), 4)).toEqual({
      kind: 'mixed',
      duplicates: [1],
      rejected: [2],
    })
  })

  it('says one thing of all where all are the same', () => {
    expect(read(items, 200, answer('ok', 'ok'), 2)).toEqual({ kind: 'whole', outcome: 'accepted' })
    expect(read(items, 200, answer('again', 'again'), 2)).toEqual({
      kind: 'whole',
      outcome: 'duplicate',
    })
    expect(read(items, 200, answer('bad', 'bad'), 2)).toEqual({
      kind: 'whole',
      outcome: 'rejected',
    })
  })

  it('acknowledges nothing where words are missing or unknown', () => {
    const unknown = { kind: 'whole', outcome: 'unknown' }
    expect(read(items, 200, answer('ok'), 2)).toEqual(unknown)
    expect(read(items, 200, answer('ok', 'queued'), 2)).toEqual(unknown)
    expect(read(items, 200, {}, 2)).toEqual(unknown)
  })
})
