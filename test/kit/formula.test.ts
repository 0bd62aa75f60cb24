import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormulaError, parseFormula } from '../../src/kit/formula.ts'

/** An expression as text, and its value by JavaScript's own arithmetic. */
interface Written {
  readonly text: string
  readonly value: number
}

const leaf: fc.Arbitrary<Written> = fc
  .integer({ min: 0, max: 1_000 })
  .map((value) => ({ text: String(value), value }))

const written = fc.letrec<{ expression: Written }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('+', '-', '*', '/'),
        tie('expression'),
        fc.constantFrom('', ' '),
      )
      .map(([left, sign, right, space]) => ({
        text: `(${left.text}${space}${sign}${space}${right.text})`,
        value:
          sign === '+'
            ? left.value + right.value
            : sign === '-'
              ? left.value - right.value
              : sign === '*'
                ? left.value * right.value
                : left.value / right.value,
      })),
    tie('expression').map(({ text, value }) => ({ text: `-(${text})`, value: -value })),
  ),
})).expression

const none = new Map<string, number>()

describe('a formula', () => {
  it('computes what JavaScript does, however it is nested', () => {
    fc.assert(
      fc.property(written, ({ text, value }) => {
        expect(parseFormula(text).evaluate(none)).toBe(value)
      }),
    )
  })

  it('takes multiplication before addition, and equal ones from left to right', () => {
    expect(parseFormula('2 + 3 * 4 - 1').evaluate(none)).toBe(13)
    expect(parseFormula('100 / 10 / 5 - 1 - 1').evaluate(none)).toBe(0)
  })

  it('names what it needs once each, and has no value without it', () => {
    const formula = parseFormula('(full.load.s - none.load.s) / none.load.s')
    expect(formula.names).toEqual(['full.load.s', 'none.load.s'])
    expect(formula.evaluate(new Map([['full.load.s', 3]]))).toBeNaN()
    const both = new Map([
      ['full.load.s', 3],
      ['none.load.s', 2],
    ])
    expect(formula.evaluate(both)).toBe(0.5)
  })

  it.each([
    ['', 'missing at the end'],
    ['1 +', 'missing at the end'],
    ['(1 + 2', 'not closed'],
    ['1 2', 'left over'],
    ['* 2', 'stands where a value should'],
    ['process.exit(1)', 'left over'],
    ['a; b', 'is no number, name or sign'],
    ['('.repeat(60) + '1' + ')'.repeat(60), 'too deep'],
  ])('refuses %j', (text, because) => {
    expect(() => parseFormula(text)).toThrow(FormulaError)
    expect(() => parseFormula(text)).toThrow(because)
  })
})
