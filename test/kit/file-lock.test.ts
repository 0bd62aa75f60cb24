import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { holdFile } from '../../src/kit/file-lock.ts'
import { identityOf } from '../../src/kit/process-table.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-lock-'))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const signal = new AbortController().signal

describe('a lock file', () => {
  it('is held by one at a time, and gone when the last one leaves', async () => {
    const file = join(base, 'deep', 'one.lock')
    let inside = 0
    let most = 0
    const waited: number[] = []
    const visit = async (): Promise<void> => {
      using _held = await holdFile(file, { signal, onWait: (pid) => waited.push(pid) })
      inside += 1
      most = Math.max(most, inside)
      await new Promise((resolve) => setTimeout(resolve, 20))
      inside -= 1
    }
    await Promise.all([visit(), visit(), visit()])
    expect(most).toBe(1)
    expect(waited).toEqual([process.pid, process.pid])
    expect(existsSync(file)).toBe(false)
  })

  it('of a process that died is taken over by one of those who wait', async () => {
    const child = spawn('sleep', ['30'])
    await once(child, 'spawn')
    const file = join(base, 'dead.lock')
    writeFileSync(file, JSON.stringify(identityOf(child.pid!)))
    child.kill('SIGKILL')
    await once(child, 'exit')
    let inside = 0
    const visit = async (): Promise<void> => {
      using _held = await holdFile(file, { signal, onWait: () => undefined })
      inside += 1
      expect(inside).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside -= 1
    }
    await Promise.all([visit(), visit(), visit(), visit()])
    expect(existsSync(file)).toBe(false)
  })

  it('lets go of who gives up waiting', async () => {
    const file = join(base, 'busy.lock')
    using _held = await holdFile(file, { signal, onWait: () => undefined })
    const given = new AbortController()
    const waiting = holdFile(file, {
      signal: given.signal,
      onWait: () => {
        given.abort(new Error('enough'))
      },
    })
    await expect(waiting).rejects.toThrow()
    expect(existsSync(file)).toBe(true)
  })
})
