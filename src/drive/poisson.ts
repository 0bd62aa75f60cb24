/**
 * Arrivals of independent users, one per unit on average. In: a seed and a length. Out: the position of arrival i, by
 * index and without walking there: the line is cut into cells whose counts are drawn first (Poisson), and a cell's
 * arrivals are laid out only when asked for (uniform, sorted through exponential gaps). Pure and exact.
 */

/** Expected arrivals of a cell: what one look-up at a new place lays out, some 5 µs of work. */
const CELL = 256
const CACHED_CELLS = 8

export class PoissonArrivals {
  readonly #seed: number
  readonly #length: number
  /** Arrivals before cell c; the last entry is the total. */
  readonly #before: Float64Array
  readonly #cached: { cell: number; positions: Float64Array }[] = []
  #last: { cell: number; positions: Float64Array } = { cell: -1, positions: new Float64Array(0) }

  constructor(seed: number, length: number) {
    this.#seed = seed
    this.#length = length
    const cells = Math.ceil(length / CELL)
    this.#before = new Float64Array(cells + 1)
    for (let cell = 0; cell < cells; cell++) {
      const count = poissonCount(this.#widthOf(cell), uniformsOf(seed, 2 * cell))
      this.#before[cell + 1] = (this.#before[cell] ?? 0) + count
    }
  }

  get count(): number {
    return this.#before[this.#before.length - 1] ?? 0
  }

  /** Position of arrival `index` in 0…length; ascending with the index. */
  positionOf(index: number): number {
    const { cell, positions } = this.#cellWith(index)
    return cell * CELL + (positions[index - (this.#before[cell] ?? 0)] ?? 0)
  }

  #widthOf(cell: number): number {
    return Math.min(CELL, this.#length - cell * CELL)
  }

  #cellWith(index: number): { readonly cell: number; readonly positions: Float64Array } {
    const { cell } = this.#last
    const holds = (at: number): boolean =>
      (this.#before[at] ?? Infinity) <= index && index < (this.#before[at + 1] ?? -1)
    if (cell >= 0 && holds(cell)) return this.#last
    const known = this.#cached.find((entry) => holds(entry.cell))
    this.#last = known ?? this.#layOut(this.#search(index))
    return this.#last
  }

  #search(index: number): number {
    let low = 0
    let high = this.#before.length - 2
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#before[middle] ?? 0) <= index) low = middle
      else high = middle - 1
    }
    return low
  }

  #layOut(cell: number): { cell: number; positions: Float64Array } {
    const count = (this.#before[cell + 1] ?? 0) - (this.#before[cell] ?? 0)
    const positions = new Float64Array(count)
    const uniform = uniformsOf(this.#seed, 2 * cell + 1)
    let sum = 0
    for (let at = 0; at < count; at++) positions[at] = sum -= Math.log(1 - uniform())
    sum -= Math.log(1 - uniform())
    const scale = this.#widthOf(cell) / sum
    for (let at = 0; at < count; at++) positions[at] = (positions[at] ?? 0) * scale
    const entry = { cell, positions }
    if (this.#cached.length === CACHED_CELLS) this.#cached.shift()
    this.#cached.push(entry)
    return entry
  }
}

type Uniform = () => number

/** A generator of its own for each (seed, counter): mulberry32 started from a mixed counter. */
function uniformsOf(seed: number, counter: number): Uniform {
  let state = mix(mix(seed ^ 0x9e3779b9) + mix(counter) + Math.floor(counter / 2 ** 32))
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function poissonCount(mean: number, uniform: Uniform): number {
  return mean < 10 ? smallPoisson(mean, uniform) : transformedRejection(mean, uniform)
}

/** Knuth's product of uniforms. */
function smallPoisson(mean: number, uniform: Uniform): number {
  const limit = Math.exp(-mean)
  let product = uniform()
  let count = 0
  for (; product > limit; product *= uniform()) count++
  return count
}

/** PTRS of W. Hörmann, "The transformed rejection method for generating Poisson random variables" (1993). */
function transformedRejection(mean: number, uniform: Uniform): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean)
  const a = -0.059 + 0.02483 * b
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
  const accepted = 0.9277 - 3.6224 / (b - 2)
  for (;;) {
    const u = uniform() - 0.5
    const v = uniform()
    const distance = 0.5 - Math.abs(u)
    const k = Math.floor(((2 * a) / distance + b) * u + mean + 0.43)
    if (distance >= 0.07 && v <= accepted) return k
    if (k < 0 || (distance < 0.013 && v > distance)) continue
    const left = Math.log(v) + Math.log(inverseAlpha) - Math.log(a / (distance * distance) + b)
    if (left <= k * Math.log(mean) - mean - logFactorial(k)) return k
  }
}

/** Stirling's series; its error at k ≥ 10 is below 1e-10, smaller k are summed. */
function logFactorial(k: number): number {
  if (k < 10) {
    let sum = 0
    for (let factor = 2; factor <= k; factor++) sum += Math.log(factor)
    return sum
  }
  const x = k + 1
  const tail = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5)
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + tail
}
