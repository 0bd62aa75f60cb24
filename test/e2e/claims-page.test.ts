/** The page of a study of claims, as a reader meets it: both grounds, a phone, a keyboard. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser } from 'playwright-core'
import { judgeClaims } from '../../src/judge/claims.ts'
import { renderClaimsPage } from '../../src/report/claims-page.ts'
import { claimFixture, claimsRecordFixture, recordFixture } from '../fixtures/claims.ts'
import {
  browserIsMissing,
  browserNote,
  deadLinks,
  launchChromium,
  openPage,
  overflowPx,
  violationsOf,
} from './browser.ts'

const html = renderClaimsPage(
  judgeClaims(
    claimsRecordFixture(
      [
        claimFixture([{}]),
        claimFixture([{ documented: { atMost: 1 } }], { id: 'X2', title: 'Refuted' }),
        claimFixture([{ value: 'a.load.none' }], { id: 'X3', title: 'Not measured' }),
        claimFixture([{}, { role: 'limits', documented: { atMost: 1 } }], { id: 'X4' }),
      ],
      [recordFixture({ a: [1, 1, 1], b: [2, 2, 2] }, { 'load.plan': 'Seq Scan on events' })],
    ),
  ),
)

describe.skipIf(browserIsMissing)(`the page of claims in Chromium${browserNote}`, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`opens without a complaint or a request and has no accessibility violation in ${colorScheme}`, async () => {
      const opened = await openPage(browser, html, { colorScheme })
      for (const summary of await opened.page.locator('details > summary').all()) {
        await summary.click()
      }
      expect(await violationsOf(opened)).toEqual([])
      expect(opened.complaints).toEqual([])
      expect(opened.requests).toEqual([])
      expect(await deadLinks(opened.page)).toEqual([])
      await opened.close()
    })
  }

  it('never scrolls sideways, whatever the width', async () => {
    const opened = await openPage(browser, html)
    const overflowing: number[] = []
    for (const width of [320, 375, 480, 768, 1_024, 1_440]) {
      await opened.page.setViewportSize({ width, height: 800 })
      if ((await overflowPx(opened.page)) > 0) overflowing.push(width)
    }
    expect(overflowing).toEqual([])
    await opened.close()
  })

  it('leads from a verdict to its claim', async () => {
    const opened = await openPage(browser, html)
    await opened.page.locator('#verdict a', { hasText: 'X2' }).click()
    expect(opened.page.url()).toMatch(/#claim-x2$/)
    const card = opened.page.locator('#claim-x2')
    expect(await card.locator('.badge').innerText()).toBe('refuted')
    expect(await card.innerText()).toContain('at most 1')
    await opened.close()
  })
})
