import { describe, expect, it } from 'vitest'
import { readQuery } from '../../../reference-impl/service-kit/reads.ts'
import { BILLING_COLUMNS } from '../../../src/shapes/billing/columns.ts'
import { EAV_COLUMNS } from '../../../src/shapes/eav/columns.ts'

const NOW_MS = Date.parse('2026-11-21T10:00:00Z')
const ORGANIZATION = '0190c3e0-8c1f-7a55-b0aa-0123456789ab'
const CONTEXT = { nowMs: NOW_MS, columns: BILLING_COLUMNS }

describe('readQuery', () => {
  it('asks Q1 for the hour before asOf', () => {
    expect(readQuery('Q1', { asOf: '2026-02-25T12:30:00Z' }, CONTEXT)).toEqual({
      ok: true,
      query: { name: 'Q1', from: '2026-02-25T11:30:00.000Z', to: '2026-02-25T12:30:00Z' },
    })
  })

  it('takes now for asOf, and the day before it for Q2 and Q3', () => {
    expect(readQuery('Q2', {}, CONTEXT)).toMatchObject({
      query: {
        from: '2026-11-20T10:00:00.000Z',
        to: '2026-11-21T10:00:00.000Z',
        organizationId: null,
        code: null,
      },
    })
  })

  it('lets from and to go before asOf', () => {
    const params = {
      asOf: '2026-01-01T00:00:00Z',
      from: '2026-02-01T00:00:00Z',
      to: '2026-02-02T00:00:00+01:00',
      organization_id: ORGANIZATION.toUpperCase(),
      code: 'api',
    }
    expect(readQuery('Q3', params, CONTEXT)).toEqual({
      ok: true,
      query: {
        name: 'Q3',
        from: params.from,
        to: params.to,
        organizationId: ORGANIZATION,
        code: 'api',
      },
    })
  })

  it('asks Q9 and Q10 of one tenant, by the names that its shape has', () => {
    const context = { nowMs: NOW_MS, columns: EAV_COLUMNS }
    expect(readQuery('Q9', { tenant_id: ORGANIZATION }, context)).toEqual({
      ok: true,
      query: { name: 'Q9', tenantId: ORGANIZATION },
    })
    expect(readQuery('Q10', { tenant_id: ORGANIZATION }, context)).toMatchObject({
      query: { from: '2026-10-22T10:00:00.000Z', to: '2026-11-21T10:00:00.000Z' },
    })
    expect(readQuery('Q4', { tenant_id: ORGANIZATION, write_id: 'w' }, context)).toMatchObject({
      query: { transactionId: 'w' },
    })
    expect(readQuery('Q9', { organization_id: ORGANIZATION }, context)).toMatchObject({
      ok: false,
      reason: 'tenant_id must be a UUID',
    })
  })

  it.each([
    ['Q1', { asOf: '2026-02-25' }],
    ['Q1', { asOf: ['2026-02-25T12:30:00Z', '2026-02-25T12:30:00Z'] }],
    ['Q2', { organization_id: 'x' }],
    ['Q3', { code: '' }],
    ['Q4', { organization_id: ORGANIZATION }],
    ['Q4', { transaction_id: 'a' }],
  ])('answers 400 to %s with %o', (name, params) => {
    expect(readQuery(name, params, CONTEXT)).toMatchObject({ ok: false, status: 400 })
  })

  it('answers 404 to a query nobody knows', () => {
    expect(readQuery('Q5', {}, CONTEXT)).toMatchObject({ ok: false, status: 404 })
  })
})
