import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refuseRunning } from '../../src/study/refuse-running.ts'

let workDir: string
beforeEach(() => {
  workDir = mkdtempSync(join(tmpdir(), 'headroom-running-'))
})
afterEach(() => {
  rmSync(workDir, { recursive: true })
})

describe('a study that is gone on with', () => {
  it('is refused while data of it is in use, whoever makes it', () => {
    const refuse = (): void => {
      refuseRunning('2026-11-21-claims', workDir)
    }
    expect(refuse).not.toThrow()
    mkdirSync(join(workDir, 'data', '2026-11-21-other-01'), { recursive: true })
    expect(refuse).not.toThrow()
    mkdirSync(join(workDir, 'data', '2026-11-21-claims-wal-per-row'))
    expect(refuse).toThrow(/2026-11-21-claims is still running/)
  })
})
