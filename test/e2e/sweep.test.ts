/** A sweep on real engines: killed, gone on with, refused when its inputs change, and read in a browser. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readStudy } from '../../src/results/store.ts'
import { headroom, startHeadroom, temporaryFolder } from '../cli/cli-process.ts'
import { browserIsMissing, browserNote, launchChromium, openPage } from './browser.ts'

const TINY = `
name: tiny
seed: 7
rate: { kind: constant, ratePerS: 200 }
phases: { warmupS: 0.5, measureS: 1.5, drainS: 3 }
initialRows: 500
batchEvents: 10
connections: 16
slowDisk: never
`
const SWEEP = `
name: rows-at-once
question: What does the size of a request cost?
documents: [C11]
notMeasured: ['1,000,000: beyond a request']
scenario: tiny.yaml
targets: [pg-batch]
vary: [{ path: scenario.batchEvents, values: [1, 10] }]
figures: ['store.heapBytesPerEvent{postgres.events}', 'table.deadRows{nowhere}']
`

describe('a sweep', () => {
  const folder = temporaryFolder()
  const at = { cwd: folder.path }
  const write = (ratePerS = 200): void => {
    writeFileSync(join(folder.path, 'tiny.yaml'), TINY.replace('200', String(ratePerS)))
  }
  let id = ''

  beforeAll(() => {
    write()
    writeFileSync(join(folder.path, 'rows.yaml'), SWEEP)
  })
  afterAll(() => {
    folder.remove()
  })

  it('shows its grid and its time, and creates nothing', async () => {
    const { exitCode, stdout } = await headroom(['sweep', 'rows.yaml', '--dry-run', '--json'], at)
    expect(exitCode).toBe(0)
    const told = JSON.parse(stdout) as {
      study: { runs: number; estimatedS: number }
      sweep: { points: readonly { target: string }[] }
    }
    expect(told.study.runs).toBe(6)
    expect(told.study.estimatedS).toBeGreaterThan(20)
    expect(told.sweep.points.map(({ target }) => target)).toEqual([
      'pg-batch-batch-events-1',
      'pg-batch-batch-events-10',
    ])
    expect(readdirSync(folder.path).toSorted()).toEqual(['rows.yaml', 'tiny.yaml'])
  })

  it('is gone on with after kill -9: what is there is kept, what was cut is set aside', async () => {
    const first = startHeadroom(['sweep', 'rows.yaml'], at)
    await first.said(/\[2\/6\].*measure|\[2\/6\].*events\/s|\[2\/6\].*preload/)
    first.child.kill('SIGKILL')
    await first.ended
    id = readdirSync(join(folder.path, 'results')).at(-1) ?? ''
    const study = join(folder.path, 'results', id)
    const kept = readFileSync(join(study, '01-pg-batch-batch-events-1-round-1', 'run.json'), 'utf8')

    write(201)
    const refused = await headroom(['sweep', '--resume', id], at)
    expect(refused.exitCode).toBe(64)
    expect(refused.stderr).toContain('scenario tiny: is not what it was')
    write()

    const { exitCode, stderr } = await headroom(['sweep', '--resume', 'latest'], at)
    expect(exitCode, stderr).toBe(0)
    const { runs } = await readStudy(study)
    expect(runs.map(({ record }) => record.outcome.state)).toEqual(Array(6).fill('completed'))
    const again = readFileSync(
      join(study, '01-pg-batch-batch-events-1-round-1', 'run.json'),
      'utf8',
    )
    expect(again).toBe(kept)
    expect(readdirSync(study)).toContain('02-pg-batch-batch-events-10-round-1-cut-1')
    expect(runs.map(({ record }) => record.scenario.batchEvents)).toEqual([1, 10, 10, 1, 1, 10])

    const report = readFileSync(join(folder.path, 'reports', id, 'report.md'), 'utf8')
    expect(report).toMatch(
      /\| point \| heap per event \(postgres\.events\) \| dead tuples \(nowhere\) \| the rate held/,
    )
    expect(report).toMatch(/batchEvents=1 \| \d+ B, base \| not measured \|/)

    const more = await headroom(['sweep', '--resume', id], at)
    expect(more.stderr).toContain('there is nothing to resume')
  })

  it.skipIf(browserIsMissing)(`is read in Chromium${browserNote}`, async () => {
    const html = readFileSync(join(folder.path, 'reports', id, 'index.html'), 'utf8')
    await using browser = await launchChromium()
    const opened = await openPage(browser, html)
    try {
      const { page, complaints } = opened
      expect(await page.locator('#sweep tbody tr').count()).toBe(2)
      expect(await page.locator('#sweep').innerText()).toContain('Left out: 1,000,000')
      expect(await page.locator('#chart-sweep-batchevents canvas').count()).toBeGreaterThan(3)
      const heading = page.locator('#sweep th button').first()
      const levels = page.locator('#sweep tbody tr th')
      await heading.click()
      const upwards = await levels.allInnerTexts()
      await heading.click()
      const downwards = await levels.allInnerTexts()
      // By number, not by letter, and the other way round at the second click.
      expect([upwards, downwards].map((texts) => texts.map(Number))).toEqual(
        Number(upwards[0]) === 1
          ? [
              [1, 10],
              [10, 1],
            ]
          : [
              [10, 1],
              [1, 10],
            ],
      )
      expect(complaints).toEqual([])
    } finally {
      await opened.close()
    }
  })
})
