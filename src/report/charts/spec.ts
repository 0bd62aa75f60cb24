/**
 * A chart as data: what the page and the PNG both draw (page/draw.js). It holds no function and no colour scheme, so the
 * same findings give the same bytes.
 */
import type { Ink } from '../palette.ts'

/** x in the axis’ unit; y null where the line is interrupted. */
export type Point = readonly [x: number, y: number | null]

export interface Axis {
  readonly title: string
  /** A unit of kit/units.ts; ticks and tooltips are written with it. `clock` is seconds of the run as m:ss. */
  readonly unit: string
  readonly scale: 'linear' | 'log'
  readonly min: number
  readonly max: number
  /** Where the ticks are; null leaves it to the drawing. */
  readonly ticks: readonly { readonly at: number; readonly label: string }[] | null
}

export interface Line {
  readonly label: string
  readonly ink: Ink
  /** `points` are not joined: nothing is known between them. */
  readonly style: 'solid' | 'dashed' | 'dotted' | 'faint' | 'points'
  /** Written at the line's end; otherwise the legend names it. */
  readonly labelled: boolean
  readonly points: readonly Point[]
  /** A second figure of each point, told with it and not drawn; null where it is not known. */
  readonly beside?: {
    readonly title: string
    readonly unit: string
    readonly values: readonly (number | null)[]
  }
}

/** A level worth knowing, drawn across the panel with its label. */
export interface Level {
  readonly at: number
  readonly label: string
  /** A limit that must not be crossed, or a figure to compare with. */
  readonly kind: 'limit' | 'reference'
}

export interface Mark {
  readonly at: number
  readonly label: string
  readonly kind: 'checkpoint' | 'step'
}

export interface Band {
  readonly from: number
  readonly to: number
  readonly label: string
}

export interface Panel {
  /** Target name over a small multiple; null for the only panel. */
  readonly title: string | null
  readonly ink: Ink | null
  readonly stacked: boolean
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  readonly levels: readonly Level[]
  readonly marks: readonly Mark[]
  readonly bands: readonly Band[]
}

export interface ChartSpec {
  /** Anchor on the page and name of the PNG file: `latency-percentiles`. */
  readonly name: string
  /** The finding, as a sentence. */
  readonly title: string
  /** What is drawn and under which conditions. */
  readonly subtitle: string
  readonly panels: readonly Panel[]
}
