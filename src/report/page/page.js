/* global document, window, localStorage, navigator, matchMedia, requestAnimationFrame, getComputedStyle, Chart */
/** What moves on the page: theme, charts, sorting, data tables, copying. Everything else is there without it. */
import { formatValue } from './format.js'
import { panelConfiguration } from './draw.js'

const charts = JSON.parse(document.getElementById('chart-data').textContent)
const root = document.documentElement
const darkSystem = matchMedia('(prefers-color-scheme: dark)')
const drawn = []
/** Counts drawings, so that a slow first one gives way to a newer one. */
let drawing = 0
const ROWS_SHOWN_MAX = 1_000

function isDark() {
  if (matchMedia('print').matches) return false
  const chosen = root.dataset.theme
  return chosen === 'dark' || (chosen !== 'light' && darkSystem.matches)
}

function chartTheme(dark) {
  return {
    dark,
    text: dark ? '#e8ebf0' : '#15191f',
    muted: dark ? '#9ea8b5' : '#58616d',
    grid: dark ? '#272e38' : '#e8ebef',
    ground: dark ? '#14181f' : '#ffffff',
    alarm: dark ? '#ff8b80' : '#b42318',
    font: getComputedStyle(document.body).fontFamily,
    tooltips: true,
    // On a narrow screen the legend names the lines instead of their ends.
    compact: matchMedia('(max-width: 44rem)').matches,
  }
}

function drawAll() {
  drawing += 1
  const theme = chartTheme(isDark())
  while (drawn.length > 0) drawn.pop().destroy()
  for (const { canvas, panel } of canvases()) {
    drawn.push(new Chart(canvas, panelConfiguration(panel, theme)))
  }
  root.dataset.charts = theme.dark ? 'dark' : 'light'
}

/** One chart per frame at first, so that the page answers while it is drawn. */
function drawFirst() {
  const waiting = canvases()
  const theme = chartTheme(isDark())
  const mine = ++drawing
  const next = () => {
    if (mine !== drawing) return
    const one = waiting.shift()
    if (one === undefined) {
      root.dataset.charts = theme.dark ? 'dark' : 'light'
      root.dataset.drawnMs = String(Math.round(window.performance.now()))
      return
    }
    drawn.push(new Chart(one.canvas, panelConfiguration(one.panel, theme)))
    requestAnimationFrame(next)
  }
  next()
}

function canvases() {
  return charts.flatMap((chart) => {
    const figure = document.getElementById(`chart-${chart.name}`)
    return [...figure.querySelectorAll('canvas')].map((canvas, i) => ({
      canvas,
      panel: chart.panels[i],
    }))
  })
}

function setUpThemes() {
  const buttons = [...document.querySelectorAll('.themes button')]
  const show = () => {
    const chosen = root.dataset.theme || 'system'
    for (const button of buttons) {
      button.setAttribute('aria-pressed', String(button.dataset.choose === chosen))
    }
  }
  for (const button of buttons) {
    button.addEventListener('click', () => {
      const chosen = button.dataset.choose
      if (chosen === 'system') delete root.dataset.theme
      else root.dataset.theme = chosen
      try {
        if (chosen === 'system') localStorage.removeItem('headroom-theme')
        else localStorage.setItem('headroom-theme', chosen)
      } catch {
        root.dataset.kept = 'no'
      }
      show()
      drawAll()
    })
  }
  show()
  darkSystem.addEventListener('change', drawAll)
  matchMedia('(max-width: 44rem)').addEventListener('change', drawAll)
  matchMedia('print').addEventListener('change', drawAll)
}

function setUpSorting() {
  for (const table of document.querySelectorAll('table[data-sortable]')) {
    const headings = [...table.tHead.rows[0].cells]
    headings.forEach((heading, column) => {
      heading.querySelector('button').addEventListener('click', () => {
        const up = heading.getAttribute('aria-sort') !== 'ascending'
        for (const other of headings) other.removeAttribute('aria-sort')
        heading.setAttribute('aria-sort', up ? 'ascending' : 'descending')
        sortRows(table.tBodies[0], { column, up })
      })
    })
  }
}

/** Numbers by size, words by alphabet, cells without a value last in both directions. */
function sortRows(body, { column, up }) {
  const rows = [...body.rows].map((row) => ({ row, key: row.cells[column].dataset.sort }))
  const numeric = rows.every(({ key }) => key === '' || !Number.isNaN(Number(key)))
  rows.sort((a, b) => {
    if (a.key === '' || b.key === '') return Number(a.key === '') - Number(b.key === '')
    const order = numeric ? difference(Number(a.key), Number(b.key)) : a.key < b.key ? -1 : 1
    return up ? order : -order
  })
  body.append(...rows.map(({ row }) => row))
}

function difference(a, b) {
  return a === b ? 0 : a < b ? -1 : 1
}

function setUpData() {
  for (const figure of document.querySelectorAll('figure[data-chart]')) {
    const chart = charts.find((one) => one.name === figure.dataset.chart)
    const details = figure.querySelector('details')
    details.addEventListener('toggle', () => {
      const box = details.querySelector('.all-points')
      if (details.open && box.childElementCount === 0) {
        box.append(...chart.panels.map((panel) => pointsTable(panel, chart.title)))
      }
    })
    const button = figure.querySelector('.copy-csv')
    button.addEventListener('click', () => copy(csvOf(chart), button))
  }
}

function pointsTable(panel, chartTitle) {
  const xs = new Map()
  panel.lines.forEach((line, i) => {
    for (const [x, y] of line.points) {
      if (!xs.has(x)) xs.set(x, [])
      xs.get(x)[i] = y
    }
  })
  const sorted = [...xs].sort(([a], [b]) => a - b)
  const box = element('div', { className: 'scroll', tabIndex: 0 })
  const name = panel.title ?? panel.y.title
  box.setAttribute('role', 'region')
  box.setAttribute('aria-label', `All points of ${name}: ${chartTitle}`)
  const table = element('table', { className: 'plain' })
  const all = sorted.length <= ROWS_SHOWN_MAX
  table.createCaption().textContent = all
    ? `${name}: all points`
    : `${name}: the first ${ROWS_SHOWN_MAX} of ${sorted.length} points; the copy has all`
  const head = table.createTHead().insertRow()
  for (const words of [panel.x.title, ...panel.lines.map((line) => line.label)]) {
    head.append(element('th', { scope: 'col', textContent: words }))
  }
  const body = table.createTBody()
  for (const [x, values] of sorted.slice(0, ROWS_SHOWN_MAX)) {
    const row = body.insertRow()
    row.append(element('th', { scope: 'row', textContent: formatValue(x, panel.x.unit) }))
    panel.lines.forEach((line, i) => {
      const y = values[i]
      const shown = y === undefined ? '' : y === null ? '∞' : formatValue(y, panel.y.unit)
      row.append(element('td', { className: 'num', textContent: shown }))
    })
  }
  box.append(table)
  return box
}

function csvOf(chart) {
  const beside = chart.panels.flatMap((panel) => panel.lines).find((line) => line.beside)?.beside
  const more = beside === undefined ? [] : [beside.title]
  const rows = [['panel', 'line', 'x', 'x unit', 'y', 'y unit', ...more]]
  for (const panel of chart.panels) {
    for (const line of panel.lines) {
      line.points.forEach(([x, y], at) => {
        const told = beside === undefined ? [] : [line.beside?.values[at] ?? '']
        const point = [x, panel.x.unit, y ?? 'infinite', panel.y.unit]
        rows.push([panel.title ?? '', line.label, ...point, ...told])
      })
    }
  }
  return rows.map((row) => row.map(csvCell).join(',')).join('\n')
}

function csvCell(value) {
  const text = String(value)
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function setUpCopying() {
  for (const button of document.querySelectorAll('button.copy')) {
    const text = button.parentElement.querySelector('code').textContent
    button.addEventListener('click', () => copy(text, button))
  }
}

/** The clipboard may be closed to pages opened from disk; a selection and the old command still work there. */
async function copy(text, button) {
  let copied
  try {
    await navigator.clipboard.writeText(text)
    copied = true
  } catch {
    const area = element('textarea', { value: text })
    document.body.append(area)
    area.select()
    copied = document.execCommand('copy')
    area.remove()
  }
  const before = button.textContent
  button.textContent = copied ? 'Copied' : 'Could not copy'
  window.setTimeout(() => {
    button.textContent = before
  }, 1_500)
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties)
}

setUpThemes()
setUpSorting()
setUpData()
setUpCopying()
drawFirst()
