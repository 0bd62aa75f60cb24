import { describe, expect, it } from 'vitest'
import { expectConforming } from '../contract/openapi-check.ts'

const headers = new Headers({ 'content-type': 'application/json; charset=utf-8' })
const answered =
  (status: number, body: unknown, more: Record<string, string> = {}) =>
  () => {
    const all = new Headers(headers)
    for (const [name, value] of Object.entries(more)) all.set(name, value)
    expectConforming({ route: '/v1/events', method: 'post', status, headers: all, body })
  }

describe('the check against openapi.yaml', () => {
  it('passes what the contract describes', () => {
    expect(answered(200, { accepted: 1, duplicate: 0, rejected: 0 })).not.toThrow()
    expect(
      answered(429, { error: 'QUEUE_FULL', message: 'm' }, { 'retry-after': '1' }),
    ).not.toThrow()
  })

  it('notices a missing header, a missing field, an extra field and an undescribed status', () => {
    expect(answered(429, { error: 'QUEUE_FULL', message: 'm' })).toThrow(/Retry-After/)
    expect(answered(200, { accepted: 1, duplicate: 0 })).toThrow(/rejected/)
    expect(answered(200, { accepted: 1, duplicate: 0, rejected: 0, more: 1 })).toThrow(/additional/)
    expect(
      answered(200, {
        accepted: 0,
        duplicate: 0,
        rejected: 1,
        items: [{ index: 0, status: 'rejected' }],
      }),
    ).toThrow()
    expect(answered(201, {})).toThrow(/201/)
  })
})
