import pg from 'pg'
import { describe, expect, it } from 'vitest'
import {
  failureOf,
  isWorthRepeating,
} from '../../../../reference-impl/service-kit/postgres/failure.ts'

function errorOf(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('message', 7, 'error')
  error.code = code
  return error
}

describe('what an error of PostgreSQL says about the rows', () => {
  it.each(['22P02', '22021', '23514', '23502', '54000', '54001'])('%s blames an item', (code) => {
    expect(failureOf(errorOf(code), true).state).toBe('bad-data')
  })

  it.each(['53100', '53300', '40P01', '57014', '42P01', '25006'])('%s stored nothing', (code) => {
    expect(failureOf(errorOf(code), true).state).toBe('refused')
  })

  it.each(['57P01', '57P02', '08006', '58030', 'XX000', '40003'])(
    '%s leaves the commit unknown',
    (code) => {
      expect(failureOf(errorOf(code), true).state).toBe('unknown')
    },
  )

  it('knows that nothing was stored when it could not even connect', () => {
    expect(failureOf(new Error('connect ECONNREFUSED'), false)).toMatchObject({
      state: 'refused',
      backoff: true,
    })
    expect(failureOf(errorOf('57P03'), false).state).toBe('refused')
    expect(failureOf(errorOf('28P01'), false).state).toBe('refused')
  })

  it('takes a broken connection for an unknown commit', () => {
    expect(failureOf(new Error('Connection terminated unexpectedly'), true).state).toBe('unknown')
  })

  it('repeats only what other transactions undid', () => {
    expect(isWorthRepeating(errorOf('40P01'))).toBe(true)
    expect(isWorthRepeating(errorOf('40001'))).toBe(true)
    expect(isWorthRepeating(errorOf('23505'))).toBe(false)
    expect(isWorthRepeating(new Error('x'))).toBe(false)
  })
})
