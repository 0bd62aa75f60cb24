/**
 * How a quantity is written for people. In: a number and its unit. Out: text with three significant digits and the unit.
 * The same words stand in the sentence, the table, the chart and the terminal.
 */

/** What 'infinite' and non-finite values are written as: some of the events behind them were never answered. */
const ENDLESS = '∞'

const threeDigits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 })
const wholeNumber = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

interface Scale {
  /** The value is divided by this. */
  readonly per: number
  readonly unit: string
}

const TIME_SCALES: readonly Scale[] = [
  { per: 1, unit: 'µs' },
  { per: 1e3, unit: 'ms' },
  { per: 1e6, unit: 's' },
  { per: 120e6, unit: 'min' },
  { per: 7_200e6, unit: 'h' },
  { per: 172_800e6, unit: 'days' },
]
/** From two minutes on people think in minutes, from two hours on in hours; the divisor differs from the bound. */
const TIME_DIVISORS: Readonly<Record<string, number>> = { min: 60e6, h: 3_600e6, days: 86_400e6 }

const BYTE_SCALES: readonly Scale[] = [
  { per: 1, unit: 'B' },
  { per: 1e3, unit: 'kB' },
  { per: 1e6, unit: 'MB' },
  { per: 1e9, unit: 'GB' },
  { per: 1e12, unit: 'TB' },
  { per: 1e15, unit: 'PB' },
]

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const

/** Three significant digits with thousands separators: 12,345 becomes 12,300, 0.012345 becomes 0.0123. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? `−${ENDLESS}` : ENDLESS
  return threeDigits.format(Object.is(value, -0) ? 0 : value)
}

/** Things that are counted, one by one, with every digit: lost events, rows, runs. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return formatNumber(value)
  return Number.isInteger(value) ? wholeNumber.format(value) : formatNumber(value)
}

/** Many things that nobody counts one by one: 13.8 billion, 523 million, 261,560. */
export function formatMany(value: number): string {
  const size = Math.abs(Number(value.toPrecision(3)))
  if (size >= 1e12) return `${formatNumber(value / 1e12)} trillion`
  if (size >= 1e9) return `${formatNumber(value / 1e9)} billion`
  if (size >= 1e6) return `${formatNumber(value / 1e6)} million`
  return formatCount(Math.round(value))
}

/** @param perS events per second */
export function formatRate(perS: number): string {
  return `${formatNumber(perS)} events/s`
}

/** Microseconds as µs, ms, s, min, h or days; infinite where some of the events were never answered. */
export function formatDurationUs(us: number | 'infinite'): string {
  if (us === 'infinite' || !Number.isFinite(us)) return ENDLESS
  const scale = scaleFor(us, TIME_SCALES)
  return `${formatNumber(us / (TIME_DIVISORS[scale.unit] ?? scale.per))} ${scale.unit}`
}

export function formatDurationMs(ms: number | 'infinite'): string {
  return formatDurationUs(ms === 'infinite' ? ms : ms * 1e3)
}

export function formatDurationS(s: number | 'infinite'): string {
  return formatDurationUs(s === 'infinite' ? s : s * 1e6)
}

/** Decimal multiples, as disks and networks are sold: 1 kB is 1,000 bytes. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return ENDLESS
  const scale = scaleFor(bytes, BYTE_SCALES)
  return `${formatNumber(bytes / scale.per)} ${scale.unit}`
}

export function formatBytesPerS(bytesPerS: number): string {
  return `${formatBytes(bytesPerS)}/s`
}

/** A share as a percentage: 0.61 becomes 61 %. */
export function formatRatio(ratio: number): string {
  return `${formatNumber(ratio * 100)} %`
}

/** A multiple: 1.61 becomes 1.61×. */
export function formatTimes(ratio: number): string {
  return `${formatNumber(ratio)}×`
}

/** Headroom in the words of a sentence: 1.61 is `61 % headroom`, 0.8 is `20 % short`, 12 is `12× the rate`. */
export function formatHeadroom(ratio: number): string {
  if (!Number.isFinite(ratio)) return 'endless headroom'
  if (ratio >= 3) return `${formatTimes(ratio)} the declared rate`
  const percent = Math.round((ratio - 1) * 100)
  if (percent < 0) return `${String(-percent)} % short`
  return percent === 0 ? 'no headroom' : `${String(percent)} % headroom`
}

const BY_UNIT: Readonly<Record<string, (value: number) => string>> = {
  'events/s': formatRate,
  µs: formatDurationUs,
  ms: formatDurationMs,
  s: formatDurationS,
  bytes: formatBytes,
  'bytes/s': formatBytesPerS,
  ratio: formatRatio,
}
/** Gauges of these are means, but whole numbers of them are written with every digit. */
const COUNTED = new Set([
  'events',
  'rows',
  'requests',
  'checkpoints',
  'merges',
  'inserts',
  'parts',
  'sessions',
  'connections',
  'transactions',
])

/** A value of a metric in the metric's own unit (collect/metrics.ts), or any other unit written behind the number. */
export function formatQuantity(value: number | 'infinite', unit: string): string {
  const number = value === 'infinite' ? Infinity : value
  const format = BY_UNIT[unit]
  if (format !== undefined) return format(number)
  const text = COUNTED.has(unit) ? formatCount(number) : formatNumber(number)
  return unit === '' ? text : `${text} ${unit}`
}

/** `3,000–3,200 events/s`, or one value where both ends read the same. */
export function formatInterval(
  interval: { readonly low: number; readonly high: number },
  unit: string,
): string {
  const low = formatQuantity(interval.low, unit)
  const high = formatQuantity(interval.high, unit)
  if (low === high) return low
  const lowUnit = low.slice(low.indexOf(' '))
  return low.includes(' ') && high.endsWith(lowUnit)
    ? `${low.slice(0, -lowUnit.length)}–${high}`
    : `${low} – ${high}`
}

/** `2027-03` becomes `March 2027`; anything else is returned as it is. */
export function formatMonth(yearMonth: string): string {
  const match = /^(\d{4})-(\d{2})$/.exec(yearMonth)
  const name = MONTHS[Number(match?.[2] ?? 0) - 1]
  return match?.[1] === undefined || name === undefined ? yearMonth : `${name} ${match[1]}`
}

/** `between March and June 2027`, `between November 2026 and June 2027`, `in March 2027`. */
export function formatMonthRange(earliest: string, latest: string): string {
  if (earliest === latest) return `in ${formatMonth(earliest)}`
  const sameYear = earliest.slice(0, 4) === latest.slice(0, 4)
  const from = formatMonth(earliest)
  return `between ${sameYear ? from.slice(0, -5) : from} and ${formatMonth(latest)}`
}

function scaleFor(value: number, scales: readonly Scale[]): Scale {
  const first = scales[0] ?? { per: 1, unit: '' }
  // Rounded first, so that 999.6 µs reads 1 ms and not 1,000 µs.
  const rounded = Math.abs(Number(value.toPrecision(3)))
  return scales.findLast((scale) => rounded >= scale.per) ?? first
}
