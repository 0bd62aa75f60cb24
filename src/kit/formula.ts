/**
 * Arithmetic over named figures, as a person writes it in YAML. In: `(full.load.s - none.load.s) / none.load.s`. Out: the
 * names it needs, and its value. Numbers, names, + - * / and brackets; nothing else, so nothing can be run by it.
 */

type Node =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'negative'; readonly of: Node }
  | {
      readonly kind: 'operation'
      readonly sign: '+' | '-' | '*' | '/'
      readonly left: Node
      readonly right: Node
    }

export interface Formula {
  /** In order of appearance, each once. */
  readonly names: readonly string[]
  /** NaN or infinite where the arithmetic says so; the caller decides what that means. */
  evaluate(values: ReadonlyMap<string, number>): number
}

export class FormulaError extends Error {}

const TOKEN = /\s*(?:(\d+(?:\.\d+)?(?:e[+-]?\d+)?)|([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|([-+*/()]))/y
/** Deeper brackets than a person writes: the parser calls itself. */
const DEPTH_MAX = 50

/** @throws FormulaError with what is wrong and where */
export function parseFormula(text: string): Formula {
  const reader = new Reader(tokensOf(text))
  const root = reader.sum(0)
  reader.requireEnd()
  return {
    names: [...new Set(namesIn(root))],
    evaluate: (values) => valueOf(root, values),
  }
}

type Token =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'sign'; readonly sign: string }

function tokensOf(text: string): readonly Token[] {
  const trimmed = text.trimEnd()
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < trimmed.length) {
    const at = TOKEN.lastIndex
    const [, number, name, sign] = TOKEN.exec(trimmed) ?? []
    if (number !== undefined) tokens.push({ kind: 'number', value: Number(number) })
    else if (name !== undefined) tokens.push({ kind: 'name', name })
    else if (sign !== undefined) tokens.push({ kind: 'sign', sign })
    else throw new FormulaError(`"${trimmed.slice(at).trim()}" is no number, name or sign`)
  }
  return tokens
}

class Reader {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  requireEnd(): void {
    const token = this.#tokens[this.#next]
    if (token !== undefined) throw new FormulaError(`"${textOf(token)}" is left over`)
  }

  sum(depth: number): Node {
    let left = this.#product(depth)
    for (let sign = this.#take('+', '-'); sign !== null; sign = this.#take('+', '-')) {
      left = { kind: 'operation', sign, left, right: this.#product(depth) }
    }
    return left
  }

  #product(depth: number): Node {
    let left = this.#factor(depth)
    for (let sign = this.#take('*', '/'); sign !== null; sign = this.#take('*', '/')) {
      left = { kind: 'operation', sign, left, right: this.#factor(depth) }
    }
    return left
  }

  #factor(depth: number): Node {
    if (depth > DEPTH_MAX) throw new FormulaError('the brackets go too deep')
    if (this.#take('-') !== null) return { kind: 'negative', of: this.#factor(depth + 1) }
    if (this.#take('(') !== null) {
      const inner = this.sum(depth + 1)
      if (this.#take(')') === null) throw new FormulaError('a bracket is not closed')
      return inner
    }
    const token = this.#tokens[this.#next]
    if (token === undefined) throw new FormulaError('a number or a name is missing at the end')
    if (token.kind === 'sign') throw new FormulaError(`"${token.sign}" stands where a value should`)
    this.#next += 1
    return token
  }

  #take<Sign extends string>(...signs: readonly Sign[]): Sign | null {
    const token = this.#tokens[this.#next]
    if (token?.kind !== 'sign') return null
    const taken = signs.find((sign) => sign === token.sign) ?? null
    if (taken !== null) this.#next += 1
    return taken
  }
}

function textOf(token: Token): string {
  switch (token.kind) {
    case 'number':
      return String(token.value)
    case 'name':
      return token.name
    case 'sign':
      return token.sign
  }
}

function namesIn(node: Node): readonly string[] {
  switch (node.kind) {
    case 'number':
      return []
    case 'name':
      return [node.name]
    case 'negative':
      return namesIn(node.of)
    case 'operation':
      return [...namesIn(node.left), ...namesIn(node.right)]
  }
}

function valueOf(node: Node, values: ReadonlyMap<string, number>): number {
  switch (node.kind) {
    case 'number':
      return node.value
    case 'name':
      return values.get(node.name) ?? Number.NaN
    case 'negative':
      return -valueOf(node.of, values)
    case 'operation':
      return apply(node.sign, valueOf(node.left, values), valueOf(node.right, values))
  }
}

function apply(sign: '+' | '-' | '*' | '/', left: number, right: number): number {
  switch (sign) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      return left / right
  }
}
