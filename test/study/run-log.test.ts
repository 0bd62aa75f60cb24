import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openRunLog } from '../../src/study/run-log.ts'

const dir = mkdtempSync(join(tmpdir(), 'headroom-run-log-'))
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

describe('the log of a run', () => {
  it('keeps in its file alone what the end of the run says aloud anyway, cleaned all the same', async () => {
    const file = join(dir, 'headroom.log')
    const aloud: string[] = []
    {
      await using log = openRunLog(file, {
        passOn: (line) => aloud.push(line),
        clean: (text) => text.replace('s3cret', '<secret>'),
      })
      log.log('begins')
      log.keep('cannot be reached with s3cret')
    }
    expect(aloud).toEqual(['begins'])
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    expect(lines.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      'begins',
      'cannot be reached with <secret>',
    ])
  })
})
