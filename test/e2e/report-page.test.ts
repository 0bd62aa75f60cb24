import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser, Page } from 'playwright-core'
import { renderReport } from '../../src/report/report.ts'
import { withOutcome } from '../fixtures/study.ts'
import { findingsFixture, seriesFixture } from '../report/report-fixture.ts'
import {
  browserIsMissing,
  browserNote,
  deadLinks,
  launchChromium,
  openPage,
  overflowPx,
  violationsOf,
} from './browser.ts'

function pageOf(options: Parameters<typeof findingsFixture>[0] = {}): string {
  const findings = findingsFixture(options)
  return renderReport(findings, seriesFixture(findings), { pageHref: 'index.html' }).html
}

/** Ids of the figures in which a canvas shows next to nothing. The page’s own policy forbids eval, not this. */
function blankCharts(page: Page): Promise<readonly string[]> {
  return page.evaluate<
    readonly string[]
  >(`[...document.querySelectorAll('canvas')].filter((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    const seen = new Set()
    for (let i = 0; i < data.length; i += 4) seen.add(data.slice(i, i + 4).join())
    return seen.size < 8
  }).map((canvas) => canvas.closest('figure').id)`)
}

function styleOf(page: Page, selector: string, property: string): Promise<string> {
  return page.evaluate<string>(
    `getComputedStyle(document.querySelector('${selector}')).getPropertyValue('${property}')`,
  )
}

/** What stands in a column of the comparison, from top to bottom. */
function columnOf(page: Page, label: string): Promise<readonly string[]> {
  return page.evaluate<readonly string[]>(
    `[...document.querySelectorAll('.comparison td[data-label^="${label}"]')].map((cell) => cell.dataset.sort)`,
  )
}

function colorOf(page: Page): Promise<string> {
  return styleOf(page, 'body', 'background-color')
}

const LIGHT = 'rgb(255, 255, 255)'
const DARK = 'rgb(20, 24, 31)'

describe.skipIf(browserIsMissing)(`the report page in Chromium${browserNote}`, () => {
  let browser: Browser
  const html = pageOf()
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`draws every chart by itself, without a complaint or a request, in ${colorScheme}`, async () => {
      const opened = await openPage(browser, html, { colorScheme })
      expect(await opened.page.locator('canvas').count()).toBeGreaterThan(15)
      expect(await blankCharts(opened.page)).toEqual([])
      expect(opened.complaints).toEqual([])
      expect(opened.requests).toEqual([])
      await opened.close()
    })

    it(`has no accessibility violation in ${colorScheme}, data tables opened`, async () => {
      const opened = await openPage(browser, html, { colorScheme })
      for (const summary of await opened.page.locator('details.data > summary').all()) {
        await summary.click()
      }
      expect(await opened.page.locator('.all-points table').count()).toBeGreaterThan(15)
      expect(await violationsOf(opened)).toEqual([])
      await opened.close()
    })
  }

  it('fits 375 px, the table as cards, and stays accessible', async () => {
    const opened = await openPage(browser, html, { viewport: { width: 375, height: 800 } })
    expect(await overflowPx(opened.page)).toBe(0)
    expect(await styleOf(opened.page, '.comparison tbody td', 'display')).toBe('block')
    expect(await blankCharts(opened.page)).toEqual([])
    expect(await violationsOf(opened)).toEqual([])
    await opened.close()
  })

  it('never scrolls sideways, whatever the width', async () => {
    const opened = await openPage(browser, html)
    const overflowing: number[] = []
    for (const width of [320, 480, 600, 700, 768, 900, 1_024, 1_089, 1_100, 1_280, 1_440]) {
      await opened.page.setViewportSize({ width, height: 800 })
      if ((await overflowPx(opened.page)) > 0) overflowing.push(width)
    }
    expect(overflowing).toEqual([])
    await opened.close()
  })

  it('follows the system between light and dark until the reader chooses', async () => {
    const opened = await openPage(browser, html, { colorScheme: 'light' })
    const { page } = opened
    expect(await colorOf(page)).toBe(LIGHT)
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.waitForSelector('html[data-charts=dark]')
    expect(await colorOf(page)).toBe(DARK)
    await page.getByRole('button', { name: 'Light' }).click()
    await page.waitForSelector('html[data-charts=light]')
    expect(await colorOf(page)).toBe(LIGHT)
    await page.reload()
    await page.waitForSelector('html[data-charts=light]')
    expect(await colorOf(page)).toBe(LIGHT)
    await page.getByRole('button', { name: 'System' }).click()
    await page.waitForSelector('html[data-charts=dark]')
    expect(await colorOf(page)).toBe(DARK)
    expect(opened.complaints).toEqual([])
    await opened.close()
  })

  it('sorts the table by number in both directions, with missing values last', async () => {
    const opened = await openPage(browser, html)
    const { page } = opened
    const heading = page.locator('.comparison thead th', { hasText: 'WAL' })
    await heading.getByRole('button').click()
    const up = await columnOf(page, 'WAL')
    expect(up.slice(0, 3).map(Number)).toEqual(
      up
        .slice(0, 3)
        .map(Number)
        .toSorted((a, b) => a - b),
    )
    expect(up.at(-1)).toBe('')
    expect(await heading.getAttribute('aria-sort')).toBe('ascending')
    await heading.getByRole('button').click()
    const down = await columnOf(page, 'WAL')
    expect(down.slice(0, 3)).toEqual(up.slice(0, 3).toReversed())
    expect(down.at(-1)).toBe('')
    expect(await heading.getAttribute('aria-sort')).toBe('descending')
    await opened.close()
  })

  it('keeps the heading of the table in sight', async () => {
    const opened = await openPage(browser, html, { viewport: { width: 1_280, height: 420 } })
    await opened.page.evaluate(
      `document.querySelector('.comparison tbody tr:last-child').scrollIntoView({ block: 'end' })`,
    )
    const top = await opened.page.evaluate<number>(
      `document.querySelector('.comparison thead th').getBoundingClientRect().top`,
    )
    expect(top).toBeGreaterThanOrEqual(0)
    expect(top).toBeLessThan(420)
    await opened.close()
  })

  it('leads from every link to a place that exists', async () => {
    const opened = await openPage(browser, html)
    expect(await deadLinks(opened.page)).toEqual([])
    const outside = await opened.page.locator('a:not([href^="#"])').count()
    expect(outside).toBe(0)
    await opened.close()
  })

  it('prints in light colours, with charts and without controls', async () => {
    const opened = await openPage(browser, html, { colorScheme: 'dark' })
    const { page } = opened
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    await page.waitForSelector('html[data-charts=light]')
    expect(await colorOf(page)).toBe(LIGHT)
    expect(await blankCharts(page)).toEqual([])
    for (const hidden of ['nav.contents', '.themes', 'button.copy', 'details.data']) {
      expect(await styleOf(page, hidden, 'display')).toBe('none')
    }
    const pdf = await page.pdf({ format: 'A4' })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    expect(opened.complaints).toEqual([])
    await opened.close()
  })

  it('copies all points of a chart as CSV, and a command as it stands', async () => {
    const opened = await openPage(browser, html, {
      permissions: ['clipboard-write', 'clipboard-read'],
    })
    const { page } = opened
    const figure = page.locator('#chart-wal')
    await figure.locator('summary').click()
    await figure.locator('.copy-csv').click()
    await figure.getByText('Copied').waitFor()
    const csv = await page.evaluate<string>('navigator.clipboard.readText()')
    expect(csv.split('\n')[0]).toBe('panel,line,x,x unit,y,y unit')
    expect(csv).toContain('pg-direct,full-page images,')
    await page.locator('#conditions button.copy').first().click()
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toContain(
      'headroom run quick',
    )
    await opened.close()
  })

  it('shows the answers of each query beside the trigger that judges them, and copies their rows', async () => {
    const opened = await openPage(browser, html, {
      permissions: ['clipboard-write', 'clipboard-read'],
    })
    const { page } = opened
    await page.locator('#trigger-e3 a[href="#chart-query-seconds"]').click()
    const figure = page.locator('#chart-query-seconds')
    expect(await figure.locator('h3').innerText()).toContain('the limit is 5 s')
    expect(await figure.locator('canvas').count()).toBe(3)
    expect(await figure.locator('.panel h4').first().innerText()).toMatch(
      /^Q1, [\d,]+ to [\d,]+ rows read$/,
    )
    await figure.locator('summary').click()
    expect(await figure.locator('table', { hasText: 'level: E3 5 s' }).count()).toBe(2)
    await figure.locator('.copy-csv').click()
    await figure.getByText('Copied').waitFor()
    const [head, ...rows] = (await page.evaluate<string>('navigator.clipboard.readText()')).split(
      '\n',
    )
    expect(head).toBe('panel,line,x,x unit,y,y unit,rows read')
    expect(rows[0]).toMatch(/^"Q1, .+ rows read",pg-direct,[\d.]+,clock,0\.\d+,s,15\d{4}$/)
    expect(opened.complaints).toEqual([])
    await opened.close()
  })

  it('tells the rows of the answer under the pointer', async () => {
    const opened = await openPage(browser, html)
    const { page } = opened
    const canvas = page.locator('#chart-query-seconds canvas').first()
    await canvas.scrollIntoViewIfNeeded()
    const before = await canvas.screenshot()
    const box = await canvas.boundingBox()
    if (box === null) throw new Error('no canvas')
    await page.mouse.move(box.x + box.width / 2, box.y + box.height * 0.6)
    await expect.poll(async () => (await canvas.screenshot()).equals(before)).toBe(false)
    expect(opened.complaints).toEqual([])
    await opened.close()
  })

  it('says at the top that a study is not complete, whatever went wrong in it', async () => {
    const states = ['void', 'aborted', 'failed', 'audit-failed'] as const
    const broken = pageOf({
      rounds: 1,
      tweak: (run) => {
        const at = ['pg-direct', 'pg-batch', 'dual-write', 'clickhouse-direct'].indexOf(
          run.target.name,
        )
        return withOutcome(run, states[at] ?? 'void')
      },
    })
    const opened = await openPage(browser, broken)
    const notice = await opened.page.locator('.notice').innerText()
    for (const word of ['void', 'aborted', 'failed (ENGINE_NOT_READY)', 'audit failed']) {
      expect(notice).toContain(word)
    }
    expect(opened.complaints).toEqual([])
    expect(await violationsOf(opened)).toEqual([])
    await opened.close()
  })

  it('shows hostile names as text: nothing of them runs, nothing of them is markup', async () => {
    const opened = await openPage(browser, hostilePage())
    const { page } = opened
    expect(await page.evaluate<boolean>("'pwned' in window")).toBe(false)
    expect(await page.locator('img, iframe, object, svg, base, form, link').count()).toBe(0)
    expect(await page.locator('script').count()).toBe(4)
    expect(await page.locator('#conditions .command code').innerText()).toContain('<img src=x')
    for (const summary of await page.locator('details.data > summary').all()) await summary.click()
    expect(await page.evaluate<boolean>("'pwned' in window")).toBe(false)
    expect(await page.locator('img').count()).toBe(0)
    expect(opened.complaints).toEqual([])
    expect(opened.requests).toEqual([])
    await opened.close()
  })

  it('forbids a script that slipped in to run', async () => {
    const slipped = html.replace('<main>', '<main><script>window.pwned = 1</script>')
    const opened = await openPage(browser, slipped)
    expect(await opened.page.evaluate<boolean>("'pwned' in window")).toBe(false)
    expect(opened.complaints.join()).toContain('Content Security Policy')
    await opened.close()
  })

  it('leads nowhere wrong when runs left nothing to draw', async () => {
    const opened = await openPage(
      browser,
      pageOf({ rounds: 1, tweak: (run) => withOutcome(run, 'failed') }),
    )
    expect(await deadLinks(opened.page)).toEqual([])
    expect(await violationsOf(opened)).toEqual([])
    expect(opened.complaints).toEqual([])
    await opened.close()
  })

  it('opens within two seconds when it shows a day', async () => {
    const findings = findingsFixture({ ratesPerS: [400, 800], stepS: 43_200 })
    const day = renderReport(findings, seriesFixture(findings, 86_400), { pageHref: 'index.html' })
    const tookMs: number[] = []
    // The best of three: what the machine does besides is not the page’s doing.
    for (let i = 0; i < 3; i++) {
      const opened = await openPage(browser, day.html)
      tookMs.push(
        await opened.page.evaluate<number>('Number(document.documentElement.dataset.drawnMs)'),
      )
      expect(await blankCharts(opened.page)).toEqual([])
      await opened.close()
    }
    expect(Math.min(...tookMs)).toBeLessThan(2_000)
  })
})

const HOSTILE = `"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script></script><!--'\`\u2028`

/** Every string that comes from outside says something hostile. */
function hostilePage(): string {
  const findings = hostileCopy(findingsFixture({ rounds: 1 }))
  return renderReport(findings, seriesFixture(findings), { pageHref: 'index.html' }).html
}

/** Fields whose values are words of ours: states, units, metric keys, times, encoded histograms. */
const OURS =
  /^(schema|state|kind|id|studyId|runs|metric|level|evidence|headroomOf|hdr|verdict|by|survives|delivery|readAfterAck|reason|provider|spacing|client|identifiers|durability|target|name|trigger|order|earliest|likely|latest)$/

function hostileCopy<T>(value: T, key = ''): T {
  if (typeof value === 'string') return (OURS.test(key) ? value : `${value}${HOSTILE}`) as T
  if (Array.isArray(value)) return value.map((one: unknown) => hostileCopy(one, key)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, hostileCopy<unknown>(inner, name)]),
  ) as T
}
