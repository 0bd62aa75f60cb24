/**
 * Quantities on axes and in tooltips. Plain JavaScript: it runs in the reader's browser and under the PNG drawing alike.
 * It says the same words as kit/units.ts; a property test holds the two together.
 */

const threeDigits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 })

const TIME_SCALES = [
  [1, 'µs', 1],
  [1e3, 'ms', 1e3],
  [1e6, 's', 1e6],
  [120e6, 'min', 60e6],
  [7_200e6, 'h', 3_600e6],
  [172_800e6, 'days', 86_400e6],
]
const BYTE_SCALES = [
  [1, 'B', 1],
  [1e3, 'kB', 1e3],
  [1e6, 'MB', 1e6],
  [1e9, 'GB', 1e9],
  [1e12, 'TB', 1e12],
  [1e15, 'PB', 1e15],
]

/** @param {number} value */
export function formatNumber(value) {
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞'
  return threeDigits.format(Object.is(value, -0) ? 0 : value)
}

/**
 * @param {number} value
 * @param {ReadonlyArray<readonly [number, string, number]>} scales from, unit, divisor
 */
function scaled(value, scales) {
  if (!Number.isFinite(value)) return '∞'
  const rounded = Math.abs(Number(value.toPrecision(3)))
  const fitting = scales.filter(([from]) => rounded >= from)
  const [, unit, per] = fitting[fitting.length - 1] ?? scales[0] ?? [1, '', 1]
  return `${formatNumber(value / per)} ${unit}`
}

/**
 * A value in the unit of its axis.
 * @param {number} value
 * @param {string} unit
 */
export function formatValue(value, unit) {
  switch (unit) {
    case 'µs':
      return scaled(value, TIME_SCALES)
    case 's':
      return scaled(value * 1e6, TIME_SCALES)
    case 'bytes':
      return scaled(value, BYTE_SCALES)
    case 'bytes/s':
      return `${scaled(value, BYTE_SCALES)}/s`
    case 'clock':
      return formatClock(value)
    case 'percentile':
      return `p${String(Number((100 * (1 - 10 ** -value)).toPrecision(6)))}`
    case 'ratio':
      return `${formatNumber(value * 100)} %`
    default:
      return unit === '' ? formatNumber(value) : `${formatNumber(value)} ${unit}`
  }
}

/**
 * A tick: the axis title carries the unit where the unit does not change with the size.
 * @param {number} value
 * @param {string} unit
 */
export function formatTick(value, unit) {
  const changes = ['µs', 's', 'bytes', 'bytes/s', 'clock', 'percentile', 'ratio'].includes(unit)
  return changes ? formatValue(value, unit) : formatNumber(value)
}

/**
 * Seconds of the run: 0:05, 12:30, 23:59:59.
 * @param {number} seconds
 */
export function formatClock(seconds) {
  const whole = Math.floor(Math.abs(seconds) + 1e-9)
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0')
  const h = Math.floor(whole / 3600)
  const m = Math.floor((whole % 3600) / 60)
  const s = whole % 60
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
