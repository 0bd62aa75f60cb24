/**
 * What Chart.js does not draw by itself: levels, checkpoints, steps, warm-up and the names at the lines' ends.
 * Plain JavaScript for the browser and the PNG drawing; it must not touch the document.
 */

const LABEL_PX = 12
const CHAR_PX = 7.1

/** Room to the right of the plot for the names at the lines' ends. */
export function labelRoom(panel, theme) {
  if (theme.compact) return 10
  const longest = Math.max(0, ...panel.lines.map((line) => (line.labelled ? line.label.length : 0)))
  return longest === 0 ? 10 : Math.min(230, Math.ceil(longest * CHAR_PX) + 16)
}

export function marksPlugin(panel, theme) {
  return {
    id: 'headroom-marks',
    beforeDatasetsDraw: (chart) => {
      for (const band of panel.bands) drawBand(chart, { band, theme })
      for (const mark of panel.marks) drawMark(chart, { mark, theme })
    },
    afterDatasetsDraw: (chart) => {
      drawLevels(chart, panel, theme)
      if (!theme.compact) drawEndLabels(chart, panel, theme)
    },
  }
}

function drawBand(chart, { band, theme }) {
  const { ctx, chartArea, scales } = chart
  const left = Math.max(chartArea.left, scales.x.getPixelForValue(band.from))
  const right = Math.min(chartArea.right, scales.x.getPixelForValue(band.to))
  if (right - left < 1) return
  ctx.save()
  ctx.globalAlpha = theme.dark ? 0.16 : 0.1
  ctx.fillStyle = theme.muted
  ctx.fillRect(left, chartArea.top, right - left, chartArea.bottom - chartArea.top)
  ctx.globalAlpha = 1
  if (right - left >= 52) text(ctx, band.label, left + 4, chartArea.top + 9, theme)
  ctx.restore()
}

function drawMark(chart, { mark, theme }) {
  const { ctx, chartArea, scales } = chart
  const x = scales.x.getPixelForValue(mark.at)
  if (x < chartArea.left - 0.5 || x > chartArea.right + 0.5) return
  ctx.save()
  ctx.strokeStyle = mark.kind === 'checkpoint' ? theme.muted : theme.grid
  ctx.lineWidth = 1
  ctx.setLineDash(mark.kind === 'checkpoint' ? [3, 3] : [])
  line(ctx, [x, chartArea.top], [x, chartArea.bottom])
  ctx.setLineDash([])
  if (mark.kind === 'checkpoint') {
    // A small flag: the label would collide where checkpoints are frequent.
    ctx.fillStyle = theme.muted
    ctx.beginPath()
    ctx.moveTo(x, chartArea.bottom)
    ctx.lineTo(x - 4, chartArea.bottom + 6)
    ctx.lineTo(x + 4, chartArea.bottom + 6)
    ctx.fill()
  } else {
    drawStepLabel(chart, { mark, theme, x })
  }
  ctx.restore()
}

/** Above the plot, and only where it does not run into the one before. */
function drawStepLabel(chart, { mark, theme, x }) {
  const { ctx, chartArea } = chart
  ctx.font = `10.5px ${theme.font}`
  const width = ctx.measureText(mark.label).width
  const drawn = (chart.$headroomSteps ??= new Map())
  const blocked = [...drawn].some(([at, to]) => at !== x && x < to + 6 && x >= at)
  if (blocked || x + width > chart.width) return
  drawn.set(x, x + width)
  text(ctx, mark.label, x, chartArea.top - 8, theme)
}

function drawLevels(chart, panel, theme) {
  const { ctx, chartArea, scales } = chart
  for (const level of panel.levels) {
    if (level.at < panel.y.min || level.at > panel.y.max) continue
    const y = scales.y.getPixelForValue(level.at)
    ctx.save()
    const color = level.kind === 'limit' ? theme.alarm : theme.muted
    ctx.strokeStyle = color
    ctx.lineWidth = 1.25
    ctx.setLineDash([7, 4])
    line(ctx, [chartArea.left, y], [chartArea.right, y])
    ctx.font = `600 11px ${theme.font}`
    const width = ctx.measureText(level.label).width
    const above = y - chartArea.top > 16
    ctx.globalAlpha = 0.86
    ctx.fillStyle = theme.ground
    ctx.fillRect(chartArea.right - width - 8, above ? y - 16 : y + 3, width + 6, 13)
    ctx.globalAlpha = 1
    ctx.fillStyle = color
    ctx.textAlign = 'right'
    ctx.textBaseline = 'middle'
    ctx.fillText(level.label, chartArea.right - 5, above ? y - 9 : y + 10)
    ctx.restore()
  }
}

function drawEndLabels(chart, panel, theme) {
  const { ctx, chartArea, scales } = chart
  const labels = []
  panel.lines.forEach((one) => {
    if (!one.labelled) return
    const end = [...one.points].reverse().find(([, y]) => y !== null)
    if (end === undefined) return
    const value = Math.max(end[1], panel.y.scale === 'log' ? panel.y.min : -Infinity)
    labels.push({ text: one.label, ink: one.ink, y: scales.y.getPixelForValue(value) })
  })
  spread(labels, chartArea)
  ctx.save()
  ctx.font = `600 ${LABEL_PX}px ${theme.font}`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'middle'
  for (const label of labels) {
    ctx.fillStyle = theme.dark ? label.ink.dark : label.ink.light
    ctx.fillText(label.text, chartArea.right + 7, label.y)
  }
  ctx.restore()
}

/** Pushes labels apart until none covers another, within the height of the plot. */
function spread(labels, area) {
  const gap = LABEL_PX + 3
  labels.sort((a, b) => a.y - b.y)
  let lowest = area.top + 4
  for (const label of labels) {
    label.y = Math.max(label.y, lowest)
    lowest = label.y + gap
  }
  let highest = area.bottom - 4
  for (const label of labels.reverse()) {
    label.y = Math.min(label.y, highest)
    highest = label.y - gap
  }
}

function line(ctx, [x1, y1], [x2, y2]) {
  ctx.beginPath()
  ctx.moveTo(x1, y1)
  ctx.lineTo(x2, y2)
  ctx.stroke()
}

function text(ctx, words, x, y, theme) {
  ctx.font = `10.5px ${theme.font}`
  ctx.fillStyle = theme.muted
  ctx.textAlign = 'left'
  ctx.textBaseline = 'middle'
  ctx.fillText(words, x, y)
}
