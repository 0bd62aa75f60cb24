import { describe, expect, it } from 'vitest'
import { Waker } from '../../../../reference-impl/service-kit/outbox/waker.ts'

const LONG_MS = 60_000

describe('a waker', () => {
  it('ends a wait, also by a call that came before it', async () => {
    const waker = new Waker()
    const waiting = waker.wait(LONG_MS)
    waker.wake()
    await waiting
    await waker.wait(LONG_MS)
  })

  it('forgets what came before a look, and not what came during it', async () => {
    const waker = new Waker()
    waker.wake()
    waker.forget()
    let ended = false
    const waiting = waker.wait(LONG_MS).then(() => (ended = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(ended).toBe(false)
    waker.wake()
    await waiting
  })

  it('waits no longer than it was told', async () => {
    await new Waker().wait(1)
  })
})
