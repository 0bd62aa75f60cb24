/**
 * One colour per architecture, the same in every chart, table and card. In: target names in study order. Out: colours
 * for a light and a dark ground. Hues after Okabe and Ito (2008), moved until each has 3:1 against its ground.
 */

/** The same colour on a light and on a dark ground. */
export interface Ink {
  readonly light: string
  readonly dark: string
}

const TARGET_INKS: readonly Ink[] = [
  { light: '#1d4fd0', dark: '#6f9bff' },
  { light: '#d1540a', dark: '#ff8a3d' },
  { light: '#0a8f6a', dark: '#3fd08a' },
  { light: '#b04a98', dark: '#f5a0cf' },
  { light: '#8a6a00', dark: '#e8c33e' },
  { light: '#4b4f58', dark: '#c3c8d2' },
  { light: '#4a3fb5', dark: '#aaa2ff' },
  { light: '#a3242f', dark: '#ff8a8f' },
]

export const NEUTRAL_INK: Ink = { light: '#6b7280', dark: '#9aa4b2' }
export const FAINT_INK: Ink = { light: '#b6bcc6', dark: '#566070' }
export const ALARM_INK: Ink = { light: '#b42318', dark: '#ff8b80' }

/** Colours repeat after the eighth target; direct labels tell the lines apart. */
export function inkOf(position: number): Ink {
  return TARGET_INKS[position % TARGET_INKS.length] ?? NEUTRAL_INK
}

export const TARGET_INK_COUNT = TARGET_INKS.length

/** The same hue, mixed towards the ground: parts of one architecture in a stack. `ratio` 0 is the ground, 1 the ink. */
export function tint(ink: Ink, ratio: number): Ink {
  return { light: mix(ink.light, '#ffffff', ratio), dark: mix(ink.dark, '#14181f', ratio) }
}

function mix(ink: string, ground: string, ratio: number): string {
  const channel = (hex: string, at: number): number => Number.parseInt(hex.slice(at, at + 2), 16)
  const mixed = [1, 3, 5].map((at) =>
    Math.round(channel(ink, at) * ratio + channel(ground, at) * (1 - ratio)),
  )
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`
}
