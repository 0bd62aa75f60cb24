import { createCanvas, loadImage } from '@napi-rs/canvas'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ChartSpec } from '../../src/report/charts/spec.ts'
import { drawCharts } from '../../src/report/draw.ts'
import type { DrawnChart } from '../../src/report/draw.ts'
import { renderReport } from '../../src/report/report.ts'
import { findingsFixture, seriesFixture } from './report-fixture.ts'

interface Area {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

async function pixelsOf(png: Buffer, area: Area | null): Promise<Uint8ClampedArray> {
  const image = await loadImage(png)
  const canvas = createCanvas(image.width, image.height)
  const context = canvas.getContext('2d')
  context.drawImage(image, 0, 0)
  const { x, y, width, height } = area ?? { x: 0, y: 0, width: image.width, height: image.height }
  return context.getImageData(x, y, width, height).data
}

/** Share of the pixels that are not white. */
async function inkRatio(png: Buffer, area: Area | null = null): Promise<number> {
  const data = await pixelsOf(png, area)
  let inked = 0
  for (let i = 0; i < data.length; i += 4) {
    if ((data[i] ?? 0) < 200 || (data[i + 1] ?? 0) < 200 || (data[i + 2] ?? 0) < 200) inked++
  }
  return inked / (data.length / 4)
}

describe('the PNG charts', () => {
  let charts: readonly ChartSpec[] = []
  let drawn: readonly DrawnChart[] = []
  beforeAll(async () => {
    const findings = findingsFixture({ rounds: 1 })
    charts = renderReport(findings, seriesFixture(findings), { pageHref: 'index.html' }).charts
    drawn = await drawCharts(charts)
  }, 60_000)

  it('are one for each chart of the page, each with lines and areas on it', async () => {
    expect(drawn.map(({ name }) => name)).toEqual(charts.map(({ name }) => name))
    for (const { name, png } of drawn) {
      expect([name, (await inkRatio(png)) > 0.005]).toEqual([name, true])
    }
  })

  it('carry their title and the labels of their axes: a font is always there', async () => {
    for (const { name, png } of drawn) {
      const title = await inkRatio(png, { x: 56, y: 56, width: 700, height: 44 })
      const yLabels = await inkRatio(png, { x: 80, y: 320, width: 70, height: 400 })
      expect([name, title > 0.05, yLabels > 0.002]).toEqual([name, true, true])
    }
  })

  it('are drawn in the shipped font, whatever the machine has installed', async () => {
    const chart = charts[0]!
    const plain = { ...chart, title: 'HHHH', subtitle: '' }
    const [wide] = await drawCharts([{ ...plain, title: 'HHHHHHHH' }])
    const [narrow] = await drawCharts([{ ...plain, title: 'iiiiiiii' }])
    // In a fallback without glyphs every character is the same box.
    const right = { x: 150, y: 56, width: 120, height: 44 }
    expect(await inkRatio(wide!.png, right)).toBeGreaterThan(0.05)
    expect(await inkRatio(narrow!.png, right)).toBeLessThan(0.01)
  })

  it('are the same bytes for the same specs', async () => {
    const [first] = await drawCharts(charts.slice(0, 1))
    const [second] = await drawCharts(charts.slice(0, 1))
    expect(first?.png.equals(second?.png ?? Buffer.alloc(0))).toBe(true)
  })
})
