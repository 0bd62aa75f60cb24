/** Did you mean …? In: what was written and what is known. Out: the known word that a slip of the hand explains. */

/** Longer words are not slips of the hand. */
const LENGTH_MAX = 64

/** The nearest known word, or null when none is near enough to be worth suggesting. */
export function nearest(written: string, known: readonly string[]): string | null {
  if (written.length > LENGTH_MAX) return null
  const limit = Math.max(1, Math.floor(written.length / 3))
  let best: { readonly word: string; readonly distance: number } | null = null
  for (const word of known) {
    const distance = editDistance(written.toLowerCase(), word.toLowerCase())
    if (distance <= limit && (best === null || distance < best.distance)) best = { word, distance }
  }
  return best?.word ?? known.find((word) => isBeginning(written, word)) ?? null
}

/** `did you mean "x"? known: …`, or only what is known. */
export function suggest(written: string, known: readonly string[]): string {
  const near = nearest(written, known)
  const list = known.length === 0 ? 'none is known' : `known: ${known.join(', ')}`
  return near === null ? list : `did you mean "${near}"? ${list}`
}

function isBeginning(written: string, word: string): boolean {
  return written.length >= 3 && word.toLowerCase().startsWith(written.toLowerCase())
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let row = 1; row <= a.length; row++) {
    rows.push([row])
    for (let column = 1; column <= b.length; column++) {
      const replaced = at(row - 1, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swapped = isSwap(a, b, [row, column]) ? at(row - 2, column - 2) + 1 : Infinity
      const best = Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, replaced, swapped)
      rows[row]?.push(best)
    }
  }
  return at(a.length, b.length)
}

function isSwap(a: string, b: string, [row, column]: readonly [number, number]): boolean {
  return row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
}
