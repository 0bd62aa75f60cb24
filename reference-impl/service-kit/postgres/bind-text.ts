/**
 * One execution of a prepared statement as the bytes that go over the wire: Bind, Execute, Sync, in one piece. In: its
 * name and its values as text. Out: a string to be written as latin1, which is what a socket takes with the least ado, or
 * a buffer where a value is not ASCII.
 * Formats: https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
const BIND = 0x42
const LENGTH_BYTES = 4
const NULL_LENGTH = '\xff\xff\xff\xff'
/** No format codes: every parameter is text; and none for results, there are no columns. */
const ALL_TEXT = '\0\0'
/** The unnamed portal, all rows; then the end of the transaction. */
const EXECUTE_AND_SYNC = `E${int32(9)}\0${int32(0)}S${int32(4)}`

export type Values = readonly (string | null)[]

export function executionOf(statement: string, values: Values): string | Buffer {
  let body = `\0${statement}\0${ALL_TEXT}${int16(values.length)}`
  for (const value of values) {
    if (value === null) {
      body += NULL_LENGTH
      continue
    }
    // As many bytes as characters: ASCII. Anything else is written by the slower road below.
    if (Buffer.byteLength(value) !== value.length) return executionInUtf8(statement, values)
    body += int32(value.length) + value
  }
  body += ALL_TEXT
  return `B${int32(LENGTH_BYTES + body.length)}${body}${EXECUTE_AND_SYNC}`
}

function executionInUtf8(statement: string, values: Values): Buffer {
  const head = Buffer.from(`\0${statement}\0${ALL_TEXT}${int16(values.length)}`, 'latin1')
  const parts: Buffer[] = [head]
  for (const value of values) {
    if (value === null) {
      parts.push(Buffer.from(NULL_LENGTH, 'latin1'))
      continue
    }
    const bytes = Buffer.from(value, 'utf8')
    parts.push(Buffer.from(int32(bytes.length), 'latin1'), bytes)
  }
  const body = Buffer.concat([...parts, Buffer.from(ALL_TEXT, 'latin1')])
  const length = Buffer.from(int32(LENGTH_BYTES + body.length), 'latin1')
  return Buffer.concat([Buffer.of(BIND), length, body, Buffer.from(EXECUTE_AND_SYNC, 'latin1')])
}

/** Big-endian, as one character a byte. */
function int16(value: number): string {
  return String.fromCharCode((value >>> 8) & 0xff, value & 0xff)
}

function int32(value: number): string {
  return String.fromCharCode(
    (value >>> 24) & 0xff,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff,
  )
}
