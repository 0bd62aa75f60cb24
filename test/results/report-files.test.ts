import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeReportFiles } from '../../src/results/report-files.ts'

describe('writing the files of a report', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'headroom-report-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('makes the folders, writes text and bytes, and leaves nothing half-written', async () => {
    const target = join(dir, 'deep', 'report')
    await writeReportFiles(target, [
      { path: 'index.html', content: '<p>ß</p>' },
      { path: 'charts/rate.png', content: Buffer.from([1, 2, 3]) },
    ])
    expect(await readFile(join(target, 'index.html'), 'utf8')).toBe('<p>ß</p>')
    expect([...(await readFile(join(target, 'charts', 'rate.png')))]).toEqual([1, 2, 3])
    expect((await readdir(target, { recursive: true })).toSorted()).toEqual([
      'charts',
      'charts/rate.png',
      'index.html',
    ])
  })

  it('replaces an older report and keeps none of its pictures', async () => {
    await writeReportFiles(dir, [
      { path: 'index.html', content: 'old' },
      { path: 'charts/old.png', content: Buffer.from([1]) },
    ])
    await writeReportFiles(dir, [{ path: 'index.html', content: 'new' }])
    expect(await readFile(join(dir, 'index.html'), 'utf8')).toBe('new')
    expect(await readdir(dir)).toEqual(['index.html'])
  })
})
