/** What a documented formula said for a run, and what the run showed. */

export interface FormulaFinding {
  /** `F12`, as the mission map numbers them. */
  readonly id: string
  readonly title: string
  readonly target: string
  /** The formula and the document's own example. */
  readonly documented: string
  /** What was put into it: this run's figures and settings. */
  readonly inputs: string
  readonly unit: string
  /** null where an input of the formula is not known. */
  readonly predicted: number | null
  /** null where this run could not show it. */
  readonly measured: number | null
  readonly verdict: 'held' | 'did-not-hold' | 'not-tested'
  /** How far it was off, or why nothing can be said. */
  readonly because: string
}

/** A formula of two digits is not asked for more: within a quarter of what was measured it held. */
export const HELD_WITHIN_RATIO = 0.25

export function comparedInWords(predicted: number, measured: number): string {
  if (predicted === 0) return measured === 0 ? 'as predicted' : 'none was predicted'
  const off = measured / predicted - 1
  const percent = `${String(Math.round(Math.abs(off) * 100))} %`
  if (percent === '0 %') return 'as predicted'
  return `measured ${percent} ${off < 0 ? 'less' : 'more'} than predicted`
}

export function compared(
  predicted: number,
  measured: number,
): Pick<FormulaFinding, 'verdict' | 'because'> & {
  readonly predicted: number
  readonly measured: number
} {
  const isClose = Math.abs(measured - predicted) <= HELD_WITHIN_RATIO * Math.abs(measured)
  return {
    predicted,
    measured,
    verdict: isClose ? 'held' : 'did-not-hold',
    because: comparedInWords(predicted, measured),
  }
}

/** What a declared rate is made of, where not every event that arrived was new. */
export function repeatsInWords(newEventsRatio: number): string {
  const percent = Math.round(newEventsRatio * 100)
  return percent === 100 ? '' : `, of which ${String(percent)} % are new as here`
}
