/** Reads the bytes of a response head where they lie, without making strings of them. */
const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58
const LOWER = 0x20

/** The peer does not speak HTTP/1.1 as we understand it: the connection is of no use any more. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProtocolError'
  }
}

/** Index behind the empty line, or −1. */
export function endOfHead(buffer: Buffer, from: number, to: number): number {
  for (let at = from; at < to - 1; at++) {
    if (buffer[at] !== LF) continue
    const next = buffer[at + 1]
    if (next === LF) return at + 2
    if (next === CR && at + 2 < to && buffer[at + 2] === LF) return at + 3
  }
  return -1
}

export function nextLine(buffer: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && buffer[at] !== LF) at++
  return at + 1
}

/** `HTTP/1.x NNN`. */
export function statusOf(buffer: Buffer, from: number, to: number): number {
  if (to - from < 12 || !nameIs(buffer, from, 'http/1.') || buffer[from + 8] !== SPACE) {
    throw new ProtocolError('the answer is not HTTP/1.x')
  }
  let status = 0
  for (let at = from + 9; at < from + 12; at++) {
    const digit = (buffer[at] ?? 0) - 48
    if (digit < 0 || digit > 9) throw new ProtocolError('the status is not a number')
    status = status * 10 + digit
  }
  if (status < 100) throw new ProtocolError('the status is below 100')
  return status
}

export function nameLength(buffer: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && buffer[at] !== COLON) at++
  return at - from
}

/** Compares letters without case; punctuation and digits of the names used here are not changed by it. */
export function nameIs(buffer: Buffer, from: number, lower: string): boolean {
  for (let at = 0; at < lower.length; at++) {
    const expected = lower.charCodeAt(at)
    const seen = buffer[from + at] ?? 0
    if (seen !== expected && (seen | LOWER) !== expected) return false
  }
  return true
}

/** @throws ProtocolError when there is anything but one decimal number */
export function lengthOf(buffer: Buffer, from: number, to: number): number {
  let at = from
  while (isBlank(buffer[at])) at++
  const firstDigit = at
  let length = 0
  for (; at < to; at++) {
    const digit = (buffer[at] ?? 0) - 48
    if (digit < 0 || digit > 9) break
    length = length * 10 + digit
  }
  const hasDigits = at > firstDigit && length <= Number.MAX_SAFE_INTEGER
  while (at < to && isBlank(buffer[at])) at++
  if (!hasDigits || at < to) throw new ProtocolError('the content length is not a number')
  return length
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === CR || byte === LF
}
