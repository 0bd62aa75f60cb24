/** A record of 24 hours becomes a report, and real Chromium opens it. Issue 3: in under two seconds. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { median } from 'simple-statistics'
import { requireFreeBytes } from '../../src/kit/disk.ts'
import { compiledEntry } from '../../src/kit/paths.ts'
import { Scope } from '../../src/kit/scope.ts'
import { formatBytes, formatCount, formatDurationMs, formatDurationS } from '../../src/kit/units.ts'
import type { OpenedPage } from '../../test/e2e/browser.ts'
import { launchChromium, openPage } from '../../test/e2e/browser.ts'
import type { DayRecord } from './day-record.ts'
import { writeDayRecord } from './day-record.ts'
import type { Soak, SoakFindings, SoakOptions } from './soak.ts'

const OPEN_MS_MAX = 2_000
const OPENINGS = 7
const RECORD_BYTES_MAX = 1e9
const REPORT_TIMEOUT_MS = 300_000
const run = promisify(execFile)

export const dayReport: Soak = {
  name: 'day-report',
  title: 'The report of a day, opened',
  plan: () =>
    `writes the record of four targets over 24 hours with a sample every second, draws its report with \`headroom report\` and opens it ${String(OPENINGS)} times in Chromium`,
  estimateS: () => 90,
  run: soak,
}

interface Opening {
  readonly drawnMs: number
  readonly canvases: number
  readonly blank: number
  readonly peakIsDrawn: boolean
  readonly complaints: readonly string[]
}

async function soak({ signal, log }: SoakOptions): Promise<SoakFindings> {
  await using scope = new Scope()
  const dir = await mkdtemp(join(tmpdir(), 'headroom-soak-day-'))
  scope.defer(() => rm(dir, { recursive: true, force: true }))
  await requireFreeBytes({ path: dir, needBytes: RECORD_BYTES_MAX, what: 'the record of a day' })
  const record = await writeDayRecord(dir, signal)
  log(`day-report: ${formatBytes(record.seriesBytes)} of series written`)
  const { html, drewS } = await drawReport(record, { dir, signal })
  log(`day-report: drawn in ${formatDurationS(drewS)}`)
  const browser = await launchChromium()
  scope.defer(() => browser.close())
  const openings: Opening[] = []
  for (let i = 0; i < OPENINGS; i++) {
    signal.throwIfAborted()
    const page = await openPage(browser, html)
    openings.push(await look(page, record))
    await page.close()
  }
  return findings({ record, htmlBytes: Buffer.byteLength(html), drewS, openings })
}

async function drawReport(
  record: DayRecord,
  { dir, signal }: { readonly dir: string; readonly signal: AbortSignal },
): Promise<{ readonly html: string; readonly drewS: number }> {
  const startMs = performance.now()
  const args = [compiledEntry('src/cli/main.ts'), 'report', record.studyDir, '--out', dir, '--json']
  const { stdout } = await run(process.execPath, args, {
    signal,
    timeout: REPORT_TIMEOUT_MS,
    maxBuffer: 64 * 1_024 * 1_024,
  })
  const drewS = (performance.now() - startMs) / 1_000
  const told = JSON.parse(stdout) as { readonly report: string }
  return { html: await readFile(told.report, 'utf8'), drewS }
}

/** In the page’s own words: how long it took from its address to its last chart, and what is on it. */
async function look({ page, complaints }: OpenedPage, { peak }: DayRecord): Promise<Opening> {
  await page.waitForSelector('html[data-drawn-ms]')
  const seen = await page.evaluate<Omit<Opening, 'complaints'>>(`(() => {
    const canvases = [...document.querySelectorAll('canvas')]
    const isBlank = (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      const colours = new Set()
      for (let i = 0; i < data.length; i += 4) colours.add(data.slice(i, i + 4).join())
      return colours.size < 8
    }
    const charts = JSON.parse(document.getElementById('chart-data').textContent)
    const points = charts.flatMap(({ panels }) => panels.flatMap(({ lines }) => lines.flatMap((line) => line.points)))
    return {
      drawnMs: Number(document.documentElement.dataset.drawnMs),
      canvases: canvases.length,
      blank: canvases.filter(isBlank).length,
      peakIsDrawn: points.some(([x, y]) => y === ${String(peak.value)} && Math.abs(x - ${String(peak.atS)}) <= 1),
    }
  })()`)
  return { ...seen, complaints: [...complaints] }
}

function findings(seen: {
  readonly record: DayRecord
  readonly htmlBytes: number
  readonly drewS: number
  readonly openings: readonly Opening[]
}): SoakFindings {
  const { record, htmlBytes, drewS, openings } = seen
  const tookMs = openings.map(({ drawnMs }) => drawnMs)
  const typicalMs = median(tookMs)
  const complaints = openings.flatMap((opening) => opening.complaints)
  const blank = Math.max(...openings.map((opening) => opening.blank))
  const canvases = Math.min(...openings.map((opening) => opening.canvases))
  return {
    criteria: [
      {
        what: 'from the address to the last chart drawn, median',
        limit: `< ${formatDurationMs(OPEN_MS_MAX)}`,
        seen: formatDurationMs(typicalMs),
        met: typicalMs < OPEN_MS_MAX,
      },
      {
        what: 'charts left blank',
        limit: `0 of ${formatCount(canvases)}`,
        seen: formatCount(blank),
        met: blank === 0 && canvases > 0,
      },
      {
        what: 'the peak of one single second is still drawn where it was',
        limit: 'yes',
        seen: openings.every(({ peakIsDrawn }) => peakIsDrawn) ? 'yes' : 'no',
        met: openings.every(({ peakIsDrawn }) => peakIsDrawn),
      },
      {
        what: 'complaints in the console',
        limit: '0',
        seen: complaints.length === 0 ? '0' : complaints.join('; '),
        met: complaints.length === 0,
      },
    ],
    tables: [
      {
        title: 'Openings',
        columns: ['opening', 'last chart drawn after'],
        rows: tookMs.map((ms, i) => [String(i + 1), formatDurationMs(ms)]),
      },
    ],
    notes: [
      `${formatCount(record.runs)} runs of 24 hours, ${formatCount(record.samples)} lines, ${formatBytes(record.seriesBytes)} of series; \`headroom report\` read and drew them in ${formatDurationS(drewS)}; the page has ${formatBytes(htmlBytes)}.`,
    ],
    data: { ...record, studyDir: undefined, htmlBytes, drewS, openings },
  }
}
