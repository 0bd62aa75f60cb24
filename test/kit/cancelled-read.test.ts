import { describe, expect, it } from 'vitest'
import { ReadCancelled, readAgain } from '../../src/kit/cancelled-read.ts'

const never = new AbortController().signal
const cancelled = () => Promise.reject(new ReadCancelled('by replay', 'ask again', null))

describe('a read that the server cancels', () => {
  it('begins again until it is answered', async () => {
    let tries = 0
    const answer = await readAgain(never, () =>
      ++tries < 3 ? cancelled() : Promise.resolve('answer'),
    )
    expect([answer, tries]).toEqual(['answer', 3])
  })

  it('is given up with its last refusal when it never is', async () => {
    let tries = 0
    const reading = readAgain(never, () => {
      tries++
      return cancelled()
    })
    await expect(reading).rejects.toMatchObject({ name: 'ReadCancelled', message: 'by replay' })
    expect(tries).toBe(10)
  })

  it('is not begun again once nobody wants it', async () => {
    const abort = new AbortController()
    let tries = 0
    const reading = readAgain(abort.signal, () => {
      tries++
      abort.abort(new Error('enough'))
      return cancelled()
    })
    await expect(reading).rejects.toThrow()
    expect(tries).toBe(1)
  })

  it('that fails otherwise fails at once', async () => {
    let tries = 0
    const reading = readAgain(never, () => {
      tries++
      return Promise.reject(new Error('no such table'))
    })
    await expect(reading).rejects.toThrow('no such table')
    expect(tries).toBe(1)
  })
})
