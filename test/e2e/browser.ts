/** A real Chromium for the tests of the page, or the reason why there is none. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import axe from 'axe-core'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

const CANDIDATES = [
  process.env['CHROMIUM_PATH'] ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

export const chromiumPath = CANDIDATES.find((path) => path !== '' && existsSync(path)) ?? null

/** Whether to skip, with its reason in the name; where everything is required nothing is skipped, and it fails. */
export const browserIsMissing = chromiumPath === null && process.env['HEADROOM_REQUIRE_ALL'] !== '1'
export const browserNote = browserIsMissing
  ? ' (skipped: no Chromium; apt-get install chromium)'
  : ''

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function launchChromium(): Promise<Browser> {
  if (chromiumPath === null) throw new Error('no Chromium: apt-get install chromium')
  return chromium.launch({ executablePath: chromiumPath, args: ARGS })
}

export interface OpenedPage {
  readonly page: Page
  /** Errors and warnings of the console, and anything thrown. */
  readonly complaints: string[]
  /** Addresses asked for, besides the page itself. */
  readonly requests: string[]
  close(): Promise<void>
}

/** Opens the HTML from disk, as a reader would, and waits until its charts are drawn. */
export async function openPage(
  browser: Browser,
  html: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const dir = await mkdtemp(join(tmpdir(), 'headroom-page-'))
  const file = join(dir, 'index.html')
  await writeFile(file, html)
  const context = await browser.newContext({ viewport: { width: 1_280, height: 900 }, ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  const requests: string[] = []
  const address = pathToFileURL(file).href
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`))
  page.on('request', (request) => {
    if (request.url() !== address) requests.push(request.url())
  })
  await page.goto(address)
  await page.waitForSelector('html[data-charts]')
  return {
    page,
    complaints,
    requests,
    close: async () => {
      await context.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

interface AxeViolation {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

export async function violationsOf({ page }: OpenedPage): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  const violations = await page.evaluate<readonly AxeViolation[]>(
    `axe.run().then((result) => result.violations.map(({ id, nodes }) => ({
      id, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })),
    })))`,
  )
  return violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 3).map((node) => `${id}: ${node.html} ${node.failureSummary ?? ''}`),
  )
}

export function overflowPx(page: Page): Promise<number> {
  return page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  )
}

/** Ids that links of the page name and nothing on it has. */
export function deadLinks(page: Page): Promise<readonly string[]> {
  return page.evaluate<readonly string[]>(
    `[...document.querySelectorAll('a[href^="#"]')].map((link) => link.getAttribute('href').slice(1))
      .filter((id) => document.getElementById(id) === null)`,
  )
}
