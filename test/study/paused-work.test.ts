import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { silentLog } from '../../src/kit/log.ts'
import { PausedWork } from '../../src/study/paused-work.ts'

const everyS = 0.001

describe('work that pauses', () => {
  it('is done all along, not meanwhile, and again until the run is over', async () => {
    const over = new AbortController()
    let done = 0
    const once = (): Promise<void> => {
      done++
      return Promise.resolve()
    }
    const work = new PausedWork(once, { everyS, signal: over.signal, log: silentLog })
    await expect.poll(() => done).toBeGreaterThan(2)
    expect(await work.pause()).toBeNull()
    const before = done
    await delay(20)
    expect(done).toBe(before)
    work.resume()
    await expect.poll(() => done).toBeGreaterThan(before)
    over.abort()
    expect(await work.untilOver()).toBeNull()
  })

  it('says why the last time failed, and is tried again', async () => {
    const over = new AbortController()
    const said: string[] = []
    let tries = 0
    const once = (): Promise<void> => {
      tries++
      return tries === 2 ? Promise.resolve() : Promise.reject(new Error('the slot is lost'))
    }
    const work = new PausedWork(once, {
      everyS,
      signal: over.signal,
      log: (line) => said.push(line),
    })
    await expect.poll(() => tries).toBeGreaterThan(5)
    expect(await work.pause()).toBe('the slot is lost')
    // Once before it was done, and once after.
    expect(said).toHaveLength(2)
    over.abort()
  })

  it('is no failure where it was cut short', async () => {
    const over = new AbortController()
    const once = (signal: AbortSignal): Promise<void> => delay(60_000, undefined, { signal })
    const work = new PausedWork(once, { everyS, signal: over.signal, log: silentLog })
    expect(await work.pause()).toBeNull()
  })
})
