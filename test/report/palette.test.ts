import { describe, expect, it } from 'vitest'
import { ALARM_INK, NEUTRAL_INK, TARGET_INK_COUNT, inkOf, tint } from '../../src/report/palette.ts'

type Rgb = readonly [number, number, number]

const inks = Array.from({ length: TARGET_INK_COUNT }, (_, i) => inkOf(i))
const GROUNDS = { light: '#ffffff', dark: '#14181f' } as const

/** Linear light, 0…1. */
function linear(hex: string): Rgb {
  const channel = (at: number): number => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  return [channel(1), channel(3), channel(5)]
}

/** WCAG 2 contrast. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string): number => {
    const [r, g, b] = linear(hex)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [light, dark] = [luminance(a), luminance(b)].toSorted((x, y) => y - x) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

/** Full dichromacy after Machado, Oliveira and Fernandes (2009), severity 1. */
const EYES = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [
    0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
  ],
  deuteranopia: [
    0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
  ],
  tritanopia: [
    1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039,
  ],
} as const

function seen(hex: string, eye: readonly number[]): Rgb {
  const [r, g, b] = linear(hex)
  const row = (i: number): number =>
    Math.min(1, Math.max(0, (eye[i] ?? 0) * r + (eye[i + 1] ?? 0) * g + (eye[i + 2] ?? 0) * b))
  return [row(0), row(3), row(6)]
}

/** CIE L*a*b* of linear light, D65. */
function lab([r, g, b]: Rgb): Rgb {
  const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116)
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047)
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b)
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883)
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)]
}

function distance(a: Rgb, b: Rgb): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
}

describe('the palette', () => {
  it('has 3:1 against both grounds, as lines and marks need', () => {
    for (const ground of ['light', 'dark'] as const) {
      for (const ink of [...inks, NEUTRAL_INK, ALARM_INK]) {
        expect(contrast(ink[ground], GROUNDS[ground])).toBeGreaterThanOrEqual(3)
      }
    }
  })

  for (const [eye, matrix] of Object.entries(EYES)) {
    it(`keeps the first four targets apart under ${eye}`, () => {
      for (const ground of ['light', 'dark'] as const) {
        const labs = inks.slice(0, 4).map((ink) => lab(seen(ink[ground], matrix)))
        labs.forEach((a, i) => {
          for (const b of labs.slice(i + 1)) expect(distance(a, b)).toBeGreaterThan(20)
        })
      }
    })
  }

  it('gives the same target the same colour, however many there are', () => {
    expect(inkOf(3)).toEqual(inkOf(3))
    expect(inkOf(TARGET_INK_COUNT)).toEqual(inkOf(0))
    expect(tint(inkOf(0), 1)).toEqual(inkOf(0))
    expect(tint(inkOf(0), 0)).toEqual({ light: '#ffffff', dark: '#14181f' })
  })
})
