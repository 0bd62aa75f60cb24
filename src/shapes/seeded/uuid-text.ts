/** A UUID's text to four 32-bit words and back. */
import { UUID_TEMPLATE, UUID_TEXT_BYTES, UuidField } from './fields.ts'

const DASH = 0x2d
/** Where each of the 16 bytes starts in the text. */
const BYTE_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const

const nibbleOf = new Int8Array(256).fill(-1)
for (let nibble = 0; nibble < 16; nibble++) nibbleOf[nibble.toString(16).charCodeAt(0)] = nibble

export function uuidText(words: Uint32Array): string {
  const text = Buffer.from(UUID_TEMPLATE, 'latin1')
  new UuidField(text, 0).write(words)
  return text.toString('latin1')
}

/** Reads a lower-case UUID into four big-endian words; false (words undefined) when the text is not one. */
export function parseUuid(text: string, words: Uint32Array): boolean {
  if (text.length !== UUID_TEXT_BYTES) return false
  for (let word = 0; word < 4; word++) {
    let bits = 0
    for (let byte = word * 4; byte < word * 4 + 4; byte++) {
      const at = BYTE_AT[byte] ?? 0
      // A character beyond latin1 is undefined in the table, and so −1.
      const high = nibbleOf[text.charCodeAt(at)] ?? -1
      const low = nibbleOf[text.charCodeAt(at + 1)] ?? -1
      if ((high | low) < 0) return false
      bits = (bits << 8) | (high << 4) | low
    }
    words[word] = bits
  }
  return hasDashes(text)
}

function hasDashes(text: string): boolean {
  return (
    text.charCodeAt(8) === DASH &&
    text.charCodeAt(13) === DASH &&
    text.charCodeAt(18) === DASH &&
    text.charCodeAt(23) === DASH
  )
}
