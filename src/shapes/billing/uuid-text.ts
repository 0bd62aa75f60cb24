/** 128 bits as the 36 characters of a UUID, and back, without strings in between. */

export const UUID_TEXT_BYTES = 36
const DASH = 0x2d
/** Where each of the 16 bytes starts in the text. */
const BYTE_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const

const hexHigh = new Uint8Array(256)
const hexLow = new Uint8Array(256)
const nibbleOf = new Int8Array(256).fill(-1)
for (let byte = 0; byte < 256; byte++) {
  const text = byte.toString(16).padStart(2, '0')
  hexHigh[byte] = text.charCodeAt(0)
  hexLow[byte] = text.charCodeAt(1)
}
for (let nibble = 0; nibble < 16; nibble++) nibbleOf[nibble.toString(16).charCodeAt(0)] = nibble

/** Four big-endian 32-bit words. */
export type UuidWords = Uint32Array

/** Writes 36 bytes, or 32 where the template already holds the dashes: dashes are never touched. */
export function patchUuid(words: UuidWords, target: Uint8Array, at: number): void {
  patchWordPair(words[0] ?? 0, words[1] ?? 0, target, at)
  const w2 = words[2] ?? 0
  const w3 = words[3] ?? 0
  patchByte(w2 >>> 24, target, at + 19)
  patchByte((w2 >>> 16) & 255, target, at + 21)
  patchByte((w2 >>> 8) & 255, target, at + 24)
  patchByte(w2 & 255, target, at + 26)
  patchByte(w3 >>> 24, target, at + 28)
  patchByte((w3 >>> 16) & 255, target, at + 30)
  patchByte((w3 >>> 8) & 255, target, at + 32)
  patchByte(w3 & 255, target, at + 34)
}

function patchWordPair(w0: number, w1: number, target: Uint8Array, at: number): void {
  patchByte(w0 >>> 24, target, at)
  patchByte((w0 >>> 16) & 255, target, at + 2)
  patchByte((w0 >>> 8) & 255, target, at + 4)
  patchByte(w0 & 255, target, at + 6)
  patchByte(w1 >>> 24, target, at + 9)
  patchByte((w1 >>> 16) & 255, target, at + 11)
  patchByte((w1 >>> 8) & 255, target, at + 14)
  patchByte(w1 & 255, target, at + 16)
}

function patchByte(byte: number, target: Uint8Array, at: number): void {
  target[at] = hexHigh[byte] ?? 0
  target[at + 1] = hexLow[byte] ?? 0
}

export function uuidText(words: UuidWords): string {
  const text = Buffer.alloc(UUID_TEXT_BYTES, DASH)
  patchUuid(words, text, 0)
  return text.toString('latin1')
}

/** Reads a lower-case UUID into `words`; false (words undefined) when the text is not one. */
export function parseUuid(text: string, words: UuidWords): boolean {
  if (text.length !== UUID_TEXT_BYTES) return false
  for (let word = 0; word < 4; word++) {
    let bits = 0
    for (let byte = word * 4; byte < word * 4 + 4; byte++) {
      const at = BYTE_AT[byte] ?? 0
      const high = nibbleOf[text.charCodeAt(at)] ?? -1
      const low = nibbleOf[text.charCodeAt(at + 1)] ?? -1
      // A character beyond latin1 is undefined in the table, and so −1.
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
