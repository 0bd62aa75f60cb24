/**
 * RFC 3339 timestamps, judged without making a Date. In: text. Out: whether every store can hold it.
 * The years are those of ClickHouse's DateTime64, the narrower of the two stores.
 */
const YEAR_MIN = 1900
const YEAR_MAX = 2299
/** `2026-02-25T12:00:00Z` … `2026-02-25T12:00:00.123456789+00:00`. */
const LENGTH_MIN = 20
const LENGTH_MAX = 35
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

export function isTimestamp(text: string): boolean {
  return (
    text.length >= LENGTH_MIN &&
    text.length <= LENGTH_MAX &&
    text[10] === 'T' &&
    isDay(text) &&
    isClock(text, 11) &&
    text[16] === ':' &&
    isRange(digits(text, 17, 19), 59) &&
    isZone(text, endOfFraction(text))
  )
}

/** `yyyy-mm-dd` at the start. */
function isDay(text: string): boolean {
  if (text[4] !== '-' || text[7] !== '-') return false
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 7)
  const day = digits(text, 8, 10)
  if (year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12) return false
  return day >= 1 && day <= daysOf(year, month)
}

function daysOf(year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return leap ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0)
}

/** `hh:mm` at `from`. */
function isClock(text: string, from: number): boolean {
  return (
    text[from + 2] === ':' &&
    isRange(digits(text, from, from + 2), 23) &&
    isRange(digits(text, from + 3, from + 5), 59)
  )
}

function isRange(value: number, max: number): boolean {
  return value >= 0 && value <= max
}

/** Where the fraction of a second ends; −1 where it is none or longer than nanoseconds. */
function endOfFraction(text: string): number {
  if (text[19] !== '.') return 19
  let at = 20
  while (isDigit(text.charCodeAt(at))) at++
  return at > 20 && at <= 29 ? at : -1
}

function isZone(text: string, at: number): boolean {
  if (at < 0) return false
  if (text[at] === 'Z') return text.length === at + 1
  if (text[at] !== '+' && text[at] !== '-') return false
  return text.length === at + 6 && isClock(text, at + 1)
}

/** The number written in `from`…`to`; −1 when any of it is no digit. */
function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    if (!isDigit(code)) return -1
    value = value * 10 + (code - 48)
  }
  return value
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}
