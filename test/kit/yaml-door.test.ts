import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { z } from 'zod'
import { HeadroomError } from '../../src/kit/errors.ts'
import { parseYamlFile, parseYamlText } from '../../src/kit/yaml-door.ts'

const folder = mkdtempSync(join(tmpdir(), 'headroom-door-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const Doc = z.strictObject({
  name: z.string().regex(/^[a-z-]+$/, 'lower-case letters and dashes'),
  ratePerS: z.number().positive().max(5_000_000),
  rounds: z.int().positive().max(10).default(1),
  mode: z.enum(['even', 'poisson']).default('even'),
  shape: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('flat'), lengthS: z.number().positive() }),
    z.strictObject({ kind: z.literal('ramp'), fromPerS: z.number(), toPerS: z.number() }),
  ]),
  steps: z.array(z.number().positive()).min(1).default([1]),
})

const whole = 'name: a\nratePerS: 5\nshape: { kind: flat, lengthS: 3 }\n'

function problemsOf(text: string) {
  try {
    parseYamlText(Doc, { file: 'doc.yaml', text }, { what: 'document' })
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    expect(error.code).toBe('BAD_INPUT')
    return error.problems.map(({ line, path, message, remedy }) => ({
      line,
      path,
      message,
      remedy,
    }))
  }
  throw new Error('the document was accepted')
}

describe('the YAML door', () => {
  it('lets a right document through with its defaults', () => {
    const value = parseYamlText(Doc, { file: 'doc.yaml', text: whole }, { what: 'document' })
    expect(value).toEqual({
      name: 'a',
      ratePerS: 5,
      rounds: 1,
      mode: 'even',
      shape: { kind: 'flat', lengthS: 3 },
      steps: [1],
    })
  })

  it('lists every problem at once, each with line, path and remedy', () => {
    const text = [
      'name: Not Right',
      'ratePerS: -4',
      'rounds: 2.5',
      'mode: poison',
      'shape:',
      '  kind: rampp',
      'steps: [1, 0]',
      'ratesPerS: 7',
    ].join('\n')
    expect(problemsOf(text)).toMatchInlineSnapshot(`
      [
        {
          "line": 1,
          "message": ""Not Right": lower-case letters and dashes",
          "path": "name",
          "remedy": "use lower-case letters and dashes",
        },
        {
          "line": 2,
          "message": "-4 is too small: it must be above 0",
          "path": "ratePerS",
          "remedy": "use a number above 0, at most 5,000,000",
        },
        {
          "line": 3,
          "message": "expected a whole number, found 2.5",
          "path": "rounds",
          "remedy": "write a whole number above 0, at most 10",
        },
        {
          "line": 4,
          "message": ""poison" is not known here",
          "path": "mode",
          "remedy": "did you mean "poisson"? one of even, poisson",
        },
        {
          "line": 6,
          "message": ""rampp" is not known here",
          "path": "shape.kind",
          "remedy": "did you mean "ramp"? one of flat, ramp",
        },
        {
          "line": 7,
          "message": "0 is too small: it must be above 0",
          "path": "steps[1]",
          "remedy": "use a number above 0",
        },
        {
          "line": 8,
          "message": "unknown key "ratesPerS"",
          "path": "ratesPerS",
          "remedy": "did you mean "ratePerS"? known here: name, ratePerS, rounds, mode, shape, steps",
        },
      ]
    `)
  })

  it('knows what is expected inside the branch of a union that was chosen', () => {
    const text = 'name: a\nratePerS: 5\nshape:\n  kind: ramp\n  fromPerS: 1\n  toPer: 2\n'
    expect(problemsOf(text)).toMatchInlineSnapshot(`
      [
        {
          "line": 3,
          "message": "toPerS is missing",
          "path": "shape.toPerS",
          "remedy": "add it: a number",
        },
        {
          "line": 6,
          "message": "unknown key "toPer"",
          "path": "shape.toPer",
          "remedy": "did you mean "toPerS"? known here: kind, fromPerS, toPerS",
        },
      ]
    `)
  })

  it('tells a number in quotes, a number with a unit and a key without a value apart', () => {
    const text =
      'name: a\nratePerS: "1_000"\nrounds: 3x\nmode:\nshape: { kind: flat, lengthS: 5s }\n'
    expect(problemsOf(text)).toMatchInlineSnapshot(`
      [
        {
          "line": 2,
          "message": "expected a number, found "1_000"",
          "path": "ratePerS",
          "remedy": "write 1000 without quotes and separators",
        },
        {
          "line": 3,
          "message": "expected a whole number, found "3x"",
          "path": "rounds",
          "remedy": "write a whole number above 0, at most 10; the ending of the key says its unit (S seconds, Ms milliseconds, PerS per second)",
        },
        {
          "line": 4,
          "message": "has no value",
          "path": "mode",
          "remedy": "write behind the colon: one of even, poisson",
        },
        {
          "line": 5,
          "message": "expected a number, found "5s"",
          "path": "shape.lengthS",
          "remedy": "write a number above 0; the ending of the key says its unit (S seconds, Ms milliseconds, PerS per second)",
        },
      ]
    `)
  })

  it('refuses what is no finite number', () => {
    for (const value of ['.nan', '.inf', '1e999']) {
      const [problem] = problemsOf(whole.replace('ratePerS: 5', `ratePerS: ${value}`))
      expect(problem?.path).toBe('ratePerS')
    }
  })

  it.each([
    ['an empty file', '', /the file is empty/],
    ['only a comment', '# nothing\n', /the file is empty/],
    ['a list', '- 1\n- 2\n', /not a set of keys/],
    ['a bare word', 'hello\n', /not a set of keys/],
    ['an open bracket', 'name: [a\n', /./],
    ['a tab as indentation', 'shape:\n\tkind: flat\n', /[Tt]ab/],
    ['a key twice', `${whole}name: b\n`, /unique/],
    ['two documents', `${whole}---\n${whole}`, /documents/],
    ['a tag', 'name: !!js/function "x"\n', /[Uu]nresolved tag/],
    ['an anchor that does not exist', 'name: *nobody\n', /[Aa]lias|anchor/],
  ])('says on which line %s is wrong', (_, text, message) => {
    const [problem] = problemsOf(text)
    expect(problem?.message).toMatch(message)
    expect(problem?.remedy).not.toBe('')
  })

  it('refuses a document that unfolds to thousands of copies, quickly', () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
        : `a${String(level)}: &a${String(level)} [${`*a${String(level - 1)}, `.repeat(10)}]`,
    )
    expect(problemsOf(levels.join('\n'))[0]?.message).toMatch(/alias/i)
  })

  it('survives nesting deeper than any stack', () => {
    expect(problemsOf('['.repeat(200_000)).length).toBeGreaterThan(0)
  })

  it('does not let a document reach the prototype of objects', () => {
    const [problem] = problemsOf(`${whole}__proto__: { polluted: true }\n`)
    expect(problem?.message).toContain('__proto__')
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('asks rules over several fields only of a document whose fields are right', () => {
    const check = () => [{ path: ['steps', 0], message: 'too steep', remedy: 'begin lower' }]
    const parse = (text: string) =>
      parseYamlText(Doc, { file: 'doc.yaml', text }, { what: 'document', check })
    const text = `${whole}steps:\n  - 9\n`
    expect(() => parse(text)).toThrow(HeadroomError)
    try {
      parse(text)
    } catch (error) {
      expect((error as HeadroomError).problems).toEqual([
        {
          file: 'doc.yaml',
          line: 5,
          path: 'steps[0]',
          message: 'too steep',
          remedy: 'begin lower',
        },
      ])
    }
  })

  it('says what a missing file could have been', () => {
    writeFileSync(join(folder, 'quick.yaml'), whole)
    const parse = () => parseYamlFile(Doc, join(folder, 'quik.yaml'), { what: 'document' })
    expect(parse).toThrow(/there is no such file/)
    try {
      parse()
    } catch (error) {
      expect((error as HeadroomError).code).toBe('FILE_NOT_FOUND')
      expect((error as HeadroomError).hint).toContain('did you mean "quick.yaml"?')
    }
  })

  it('refuses a folder and a file that is too large to be written by hand', () => {
    expect(() => parseYamlFile(Doc, folder, { what: 'document' })).toThrow(/folder/)
    const large = join(folder, 'large.yaml')
    writeFileSync(large, '#'.repeat(2 ** 20 + 1))
    expect(() => parseYamlFile(Doc, large, { what: 'document' })).toThrow(/too large/)
  })

  it('reads back every document it could have been given', () => {
    const documents = fc.record({
      name: fc.stringMatching(/^[a-z-]{1,12}$/),
      ratePerS: fc.double({ min: 0.001, max: 5_000_000, noNaN: true }),
      rounds: fc.integer({ min: 1, max: 10 }),
      mode: fc.constantFrom('even', 'poisson'),
      shape: fc.oneof(
        fc.record({
          kind: fc.constant('flat'),
          lengthS: fc.double({ min: 0.1, max: 1e6, noNaN: true }),
        }),
        fc.record({ kind: fc.constant('ramp'), fromPerS: fc.integer(), toPerS: fc.integer() }),
      ),
      steps: fc.array(fc.integer({ min: 1 }), { minLength: 1, maxLength: 5 }),
    })
    fc.assert(
      fc.property(documents, (document) => {
        const text = stringify(document)
        const read = parseYamlText(Doc, { file: 'doc.yaml', text }, { what: 'document' })
        expect(read).toEqual(document)
      }),
    )
  })
})
