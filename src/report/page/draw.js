/**
 * A panel (charts/spec.ts) as a Chart.js configuration. Plain JavaScript: the same text draws in the reader's browser and,
 * through chartjs-node-canvas, the PNG files. It must not touch the document.
 */
import { formatClock, formatTick, formatValue } from './format.js'
import { marksPlugin, labelRoom } from './marks.js'

const DASHES = { solid: [], dashed: [6, 4], dotted: [2, 3], faint: [], points: [] }
const POINTS = { showLine: false, pointRadius: 2.75, pointBorderWidth: 0, pointHoverRadius: 4.5 }
const TIME_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600]

/**
 * @param {import('../charts/spec.ts').Panel} panel
 * @param {{ dark: boolean, text: string, muted: string, grid: string, ground: string, alarm: string, font: string, tooltips: boolean, compact: boolean }} theme
 */
export function panelConfiguration(panel, theme) {
  const font = { family: theme.font, size: 12 }
  return {
    type: 'line',
    data: { datasets: panel.lines.map((line) => datasetOf(line, { panel, theme })) },
    plugins: [marksPlugin(panel, theme)],
    options: {
      animation: false,
      maintainAspectRatio: false,
      normalized: true,
      parsing: false,
      font,
      layout: { padding: { top: 16, right: labelRoom(panel, theme), bottom: 0, left: 0 } },
      interaction: { mode: 'nearest', axis: 'x', intersect: false },
      elements: { point: { radius: 0, hitRadius: 8, hoverRadius: 3 } },
      scales: { x: xScale(panel.x, theme), y: yScale(panel, theme) },
      plugins: {
        legend: { display: false },
        title: { display: false },
        tooltip: theme.tooltips ? tooltip(panel, theme) : { enabled: false },
      },
    },
  }
}

function datasetOf(line, { panel, theme }) {
  const ink = theme.dark ? line.ink.dark : line.ink.light
  const color = line.style === 'faint' ? `${ink}59` : ink
  const log = panel.y.scale === 'log'
  return {
    label: line.label,
    data: line.points.map(([x, y]) => ({
      x,
      y: y === null ? null : log ? Math.max(y, panel.y.min) : y,
    })),
    borderColor: panel.stacked ? theme.ground : color,
    backgroundColor: panel.stacked ? ink : color,
    borderWidth: panel.stacked ? 0.75 : line.style === 'faint' ? 1 : 1.75,
    borderDash: DASHES[line.style],
    borderJoinStyle: 'round',
    fill: panel.stacked ? 'stack' : false,
    spanGaps: false,
    ...(line.style === 'points' ? POINTS : {}),
  }
}

function xScale(axis, theme) {
  return {
    type: axis.scale === 'log' ? 'logarithmic' : 'linear',
    min: axis.min,
    max: axis.max,
    title: title(axis.title, theme),
    border: { color: theme.grid },
    grid: {
      display: axis.unit === 'percentile',
      color: theme.grid,
      drawTicks: true,
      tickLength: 5,
    },
    ticks: {
      color: theme.muted,
      font: { family: theme.font, size: 11 },
      autoSkipPadding: 14,
      maxRotation: 0,
      callback: (value) => labelOf(axis, value),
    },
    afterBuildTicks: (scale) => {
      if (axis.ticks !== null) scale.ticks = axis.ticks.map((tick) => ({ value: tick.at }))
      else if (axis.unit === 'clock') scale.ticks = clockTicks(axis.max, scale.width)
    },
  }
}

function labelOf(axis, value) {
  const named = axis.ticks?.find((tick) => Math.abs(tick.at - value) < 1e-6)
  if (named !== undefined) return named.label
  return axis.unit === 'clock' ? formatClock(value) : formatTick(value, axis.unit)
}

/** Whole seconds, minutes or hours, about one every 70 pixels. */
function clockTicks(maxS, widthPx) {
  const wanted = Math.max(2, Math.floor((widthPx || 400) / 70))
  const stepS = TIME_STEPS_S.find((step) => maxS / step <= wanted) ?? 43200
  const ticks = []
  for (let at = 0; at <= maxS + 1e-9; at += stepS) ticks.push({ value: at })
  return ticks
}

function yScale(panel, theme) {
  const axis = panel.y
  return {
    type: axis.scale === 'log' ? 'logarithmic' : 'linear',
    min: axis.min,
    max: axis.max,
    stacked: panel.stacked,
    title: title(axis.title + unitSuffix(axis.unit), theme),
    border: { display: false },
    grid: { color: theme.grid, drawTicks: false },
    ticks: {
      color: theme.muted,
      font: { family: theme.font, size: 11 },
      padding: 6,
      maxTicksLimit: 6,
      callback: (value) => formatTick(value, axis.unit),
    },
    afterBuildTicks: (scale) => {
      scale.ticks =
        axis.scale === 'log' ? logTicks(axis.min, axis.max) : linearTicks(axis.min, axis.max)
    },
  }
}

/** About five round steps, none of them at an odd end of the axis. */
function linearTicks(min, max) {
  const rough = (max - min) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10)
  const ticks = []
  for (let i = Math.ceil(min / step); i * step <= max * 1.0001; i++) {
    ticks.push({ value: Number((i * step).toPrecision(12)) })
  }
  return ticks
}

/** 1, 2, 5 of each decade, or only the decades where there are many. */
function logTicks(min, max) {
  const decades = Math.log10(max / min)
  const factors = decades <= 1.6 ? [1, 2, 5] : decades <= 2.6 ? [1, 3] : [1]
  const ticks = []
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
    for (const factor of factors) {
      const value = factor * 10 ** power
      if (value >= min * 0.999 && value <= max * 1.001) ticks.push({ value })
    }
  }
  return ticks
}

function unitSuffix(unit) {
  const shown = ['events/s', 'events', 'cores', 'rows', 'parts'].includes(unit)
  return shown ? `, ${unit}` : ''
}

function title(text, theme) {
  return {
    display: true,
    text,
    color: theme.muted,
    font: { family: theme.font, size: 11, weight: 'normal' },
    padding: { top: 2, bottom: 2 },
  }
}

function tooltip(panel, theme) {
  return {
    backgroundColor: theme.dark ? '#2a313c' : '#1d2530',
    titleColor: '#ffffff',
    bodyColor: '#ffffff',
    titleFont: { family: theme.font, size: 12 },
    bodyFont: { family: theme.font, size: 12 },
    padding: 10,
    boxPadding: 4,
    callbacks: {
      title: (items) =>
        items.length === 0
          ? ''
          : panel.x.unit === 'clock'
            ? `${formatClock(items[0].parsed.x)} into the run`
            : formatValue(items[0].parsed.x, panel.x.unit),
      label: (item) =>
        ` ${item.dataset.label}: ${formatValue(item.parsed.y, panel.y.unit)}${besideOf(panel.lines[item.datasetIndex], item.dataIndex)}`,
      labelColor: (item) => ({
        borderColor: item.dataset.backgroundColor,
        backgroundColor: item.dataset.backgroundColor,
      }),
    },
  }
}

/** What is told with a point without being drawn. */
function besideOf({ beside }, at) {
  const value = beside?.values[at] ?? null
  return value === null
    ? ''
    : `, ${formatValue(value, beside.unit)} ${beside.title.replace(beside.unit, '').trim()}`
}
