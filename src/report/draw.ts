/**
 * Charts as PNG files. In: the chart specs of a report. Out: one picture each, drawn by the very script that draws in
 * the page, in the font that is shipped, on white: what goes into a slide or an issue.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { GlobalFonts, createCanvas, loadImage } from '@napi-rs/canvas'
import type { SKRSContext2D } from '@napi-rs/canvas'
import type { ChartConfiguration } from 'chart.js'
import { ChartJSNodeCanvas } from 'chartjs-node-canvas'
import { packageRoot } from '../kit/paths.ts'
import type { ChartSpec, Line, Panel } from './charts/spec.ts'
import { PAGE_DIR } from './page-files.ts'
import { NEUTRAL_INK } from './palette.ts'

export interface DrawnChart {
  /** File name without its ending. */
  readonly name: string
  readonly png: Buffer
}

const FONT = 'Headroom Inter'
const INK = '#15191f'
const MUTED = '#58616d'
const GROUND = '#ffffff'
const THEME = {
  dark: false,
  text: INK,
  muted: MUTED,
  grid: '#e8ebef',
  ground: GROUND,
  alarm: '#b42318',
  font: FONT,
  tooltips: false,
  compact: false,
}

/** Pixels of the page; pictures have `SCALE` times as many. */
const WIDTH = 1_080
const MARGIN = 28
const GAP = 26
const PANEL_HEIGHT = 260
const ONLY_PANEL_HEIGHT = 400
const TITLE_LINE = 26
const TEXT_LINE = 19
const LEGEND_LINE = 22
const SCALE = 2

/** Draws all charts, one after the other. */
export async function drawCharts(charts: readonly ChartSpec[]): Promise<readonly DrawnChart[]> {
  registerFonts()
  const { panelConfiguration } = await drawModule()
  const drawn: DrawnChart[] = []
  for (const chart of charts) {
    drawn.push({ name: chart.name, png: await drawChart(chart, panelConfiguration) })
  }
  return drawn
}

interface DrawModule {
  /** page/draw.js */
  readonly panelConfiguration: (panel: Panel, theme: typeof THEME) => ChartConfiguration
}

/** The browser’s own script; it is not compiled, so it is loaded from where it stands. */
async function drawModule(): Promise<DrawModule> {
  return (await import(pathToFileURL(join(PAGE_DIR, 'draw.js')).href)) as DrawModule
}

/** Both the canvas that lays out and the one inside chartjs-node-canvas must know the font. */
function registerFonts(): void {
  const require = createRequire(import.meta.url)
  const inner = createRequire(require.resolve('chartjs-node-canvas'))('canvas') as {
    readonly GlobalFonts: typeof GlobalFonts
  }
  for (const fonts of [GlobalFonts, inner.GlobalFonts]) {
    for (const weight of ['Regular', 'SemiBold']) {
      if (fonts.has(FONT) && weight === 'Regular') break
      fonts.registerFromPath(join(packageRoot, 'assets', 'fonts', `Inter-${weight}.otf`), FONT)
    }
  }
}

async function drawChart(
  chart: ChartSpec,
  configure: DrawModule['panelConfiguration'],
): Promise<Buffer> {
  const layout = layOut(chart)
  const canvas = createCanvas(WIDTH * SCALE, layout.height * SCALE)
  const context = canvas.getContext('2d')
  context.scale(SCALE, SCALE)
  context.fillStyle = GROUND
  context.fillRect(0, 0, WIDTH, layout.height)
  drawHeading(context, layout)
  for (const { panel, x, y, width, height } of layout.panels) {
    drawPanelHeading(context, { panel, x, y })
    const plot = plotOf({ width, height: height - panelHeadHeight(panel) }, configure(panel, THEME))
    const image = await loadImage(plot)
    context.drawImage(image, x, y + panelHeadHeight(panel), width, height - panelHeadHeight(panel))
  }
  return canvas.toBuffer('image/png')
}

interface Size {
  readonly width: number
  readonly height: number
}

/** One renderer per size: each loads Chart.js anew. */
const renderers = new Map<string, ChartJSNodeCanvas>()

function plotOf(size: Size, configuration: ChartConfiguration): Buffer {
  const key = `${String(size.width)}x${String(size.height)}`
  const renderer =
    renderers.get(key) ?? new ChartJSNodeCanvas({ ...size, backgroundColour: GROUND })
  renderers.set(key, renderer)
  const options = { ...configuration.options, devicePixelRatio: SCALE }
  return renderer.renderToBufferSync({ ...configuration, options })
}

interface Layout {
  readonly height: number
  readonly title: readonly string[]
  readonly subtitle: readonly string[]
  readonly legend: readonly Line[]
  readonly panels: readonly {
    readonly panel: Panel
    readonly x: number
    readonly y: number
    readonly width: number
    readonly height: number
  }[]
}

function layOut(chart: ChartSpec): Layout {
  const measure = createCanvas(1, 1).getContext('2d')
  const title = wrap(measure, chart.title, `600 20px ${FONT}`)
  const subtitle = wrap(measure, chart.subtitle, `13px ${FONT}`)
  const legend = sharedLegend(chart)
  const top =
    MARGIN +
    title.length * TITLE_LINE +
    subtitle.length * TEXT_LINE +
    (legend.length > 0 ? LEGEND_LINE + 6 : 0) +
    14
  const columns = chart.panels.length > 1 ? 2 : 1
  const width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
  const plotHeight = columns === 1 ? ONLY_PANEL_HEIGHT : PANEL_HEIGHT
  const panels = chart.panels.map((panel, i) => ({
    panel,
    x: MARGIN + (i % columns) * (width + GAP),
    y: top + Math.floor(i / columns) * (plotHeight + 40 + GAP),
    width,
    height: plotHeight + panelHeadHeight(panel),
  }))
  const rows = Math.ceil(chart.panels.length / columns)
  const height = top + rows * (plotHeight + 40 + GAP) - GAP + MARGIN - (columns === 1 ? 40 : 0)
  return { height, title, subtitle, legend, panels }
}

/** Strokes that mean the same in every panel. */
function sharedLegend(chart: ChartSpec): readonly Line[] {
  const byLabel = new Map<string, Line>()
  for (const panel of chart.panels) {
    for (const line of panel.stacked ? [] : panel.lines) {
      const label = line.label.replace(/^(stored) in .*$/, '$1')
      if (!line.labelled && !byLabel.has(label)) {
        byLabel.set(label, { ...line, label, ink: NEUTRAL_INK })
      }
    }
  }
  return [...byLabel.values()]
}

function panelHeadHeight(panel: Panel): number {
  return (panel.title === null ? 0 : 20) + (panel.stacked ? 20 : 0)
}

function drawHeading(context: SKRSContext2D, layout: Layout): void {
  let y = MARGIN
  context.textBaseline = 'top'
  context.fillStyle = INK
  context.font = `600 20px ${FONT}`
  for (const line of layout.title) {
    context.fillText(line, MARGIN, y)
    y += TITLE_LINE
  }
  context.fillStyle = MUTED
  context.font = `13px ${FONT}`
  for (const line of layout.subtitle) {
    context.fillText(line, MARGIN, y + 2)
    y += TEXT_LINE
  }
  drawLegend(context, { lines: layout.legend, x: MARGIN, y: y + 8, stacked: false })
}

function drawPanelHeading(
  context: SKRSContext2D,
  { panel, x, y }: { readonly panel: Panel; readonly x: number; readonly y: number },
): void {
  if (panel.title !== null) {
    // A panel without a colour of its own is about no single target.
    if (panel.ink !== null) {
      context.fillStyle = panel.ink.light
      context.fillRect(x, y + 3, 11, 11)
    }
    context.fillStyle = INK
    context.font = `600 14px ${FONT}`
    context.textBaseline = 'top'
    context.fillText(panel.title, panel.ink === null ? x : x + 18, y)
  }
  if (panel.stacked) {
    drawLegend(context, { lines: panel.lines, x, y: y + 22, stacked: true })
  }
}

interface LegendOptions {
  readonly lines: readonly Line[]
  readonly x: number
  readonly y: number
  readonly stacked: boolean
}

function drawLegend(context: SKRSContext2D, { lines, x, y, stacked }: LegendOptions): void {
  let left = x
  context.textBaseline = 'top'
  context.font = `12.5px ${FONT}`
  for (const line of lines) {
    const swatch = stacked ? 11 : 26
    if (stacked) {
      context.fillStyle = line.ink.light
      context.fillRect(left, y + 3, swatch, 10)
    } else {
      drawStroke(context, { line, x: left, y: y + 8 })
    }
    context.fillStyle = MUTED
    context.fillText(line.label, left + swatch + 6, y)
    left += swatch + 24 + context.measureText(line.label).width
  }
}

function drawStroke(
  context: SKRSContext2D,
  { line, x, y }: { readonly line: Line; readonly x: number; readonly y: number },
): void {
  context.save()
  context.strokeStyle = line.ink.light
  context.globalAlpha = line.style === 'faint' ? 0.45 : 1
  context.lineWidth = line.style === 'faint' ? 1 : 1.75
  context.setLineDash(line.style === 'dashed' ? [6, 4] : line.style === 'dotted' ? [2, 3] : [])
  context.beginPath()
  context.moveTo(x, y)
  context.lineTo(x + 26, y)
  context.stroke()
  context.restore()
}

function wrap(context: SKRSContext2D, text: string, font: string): readonly string[] {
  context.font = font
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1) ?? ''} ${word}`
    if (lines.length > 0 && context.measureText(longer).width <= WIDTH - 2 * MARGIN) {
      lines[lines.length - 1] = longer
    } else {
      lines.push(word)
    }
  }
  return lines
}
