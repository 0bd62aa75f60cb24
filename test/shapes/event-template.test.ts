import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/shapes/event-template.ts'
import {
  environmentOf,
  EVENT_PLACEHOLDERS,
  isConstant,
  jsonTemplate,
  templateProblems,
  textTemplate,
} from '../../src/shapes/event-template.ts'

const event = {
  organization_id: 'a/b c',
  transaction_id: 'tx "1"',
  timestamp: '2026-01-02T03:04:05.678Z',
  value: 12.5,
  properties: { region: 'eu', note: 'x\ny' },
}
const none = {}

describe('a text template', () => {
  it('puts fields, properties and constants where they are named', () => {
    const render = textTemplate(
      'm,org=${organization_id} v=${value} r=${properties.region} ${run}',
      {
        run: 'abc',
      },
    )
    expect(render(event)).toBe('m,org=a/b c v=12.5 r=eu abc')
  })

  it('encodes what it puts in, and not what stands around it', () => {
    const render = textTemplate(
      '/o/${organization_id}?k=${env.KEY}',
      { 'env.KEY': 'a&b' },
      encodeURIComponent,
    )
    expect(render(event)).toBe('/o/a%2Fb%20c?k=a%26b')
  })

  it.each([
    ['epoch_s', '1767323045'],
    ['epoch_ms', '1767323045678'],
    ['epoch_us', '1767323045678000'],
    ['epoch_ns', '1767323045678000000'],
  ])('writes a time as %s', (form, expected) => {
    expect(textTemplate(`\${timestamp:${form}}`, none)(event)).toBe(expected)
  })

  it('leaves out what an event does not have', () => {
    expect(textTemplate('[${properties.missing}]', none)(event)).toBe('[]')
  })
})

describe('a JSON template', () => {
  it('keeps the type of a field that stands alone, and makes text of it elsewhere', () => {
    const template = {
      id: '${transaction_id}',
      n: '${value}',
      text: '${value:text}',
      in: 'v=${value}',
      at: '${timestamp:epoch_ms}',
      all: '${properties}',
      fixed: [1, true, null, 'plain'],
    }
    expect(JSON.parse(jsonTemplate(template, none)(event))).toEqual({
      id: 'tx "1"',
      n: 12.5,
      text: '12.5',
      in: 'v=12.5',
      at: 1767323045678,
      all: { region: 'eu', note: 'x\ny' },
      fixed: [1, true, null, 'plain'],
    })
  })

  it('writes null for a field that stands alone and is not there', () => {
    expect(jsonTemplate({ v: '${properties.missing}' }, none)(event)).toBe('{"v":null}')
  })

  it('gives back any JSON that names nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes('${'))
        expect(JSON.parse(jsonTemplate(value as JsonValue, none)(event))).toEqual(
          JSON.parse(JSON.stringify(value)),
        )
      }),
    )
  })

  it('writes valid JSON whatever the event holds', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (id, around) => {
        fc.pre(!around.includes('$'))
        const text = jsonTemplate(
          { a: `${around}\${transaction_id}`, b: '${transaction_id}' },
          none,
        )({
          transaction_id: id,
        })
        expect(JSON.parse(text)).toEqual({ a: around + id, b: id })
      }),
    )
  })
})

describe('what is wrong with a template', () => {
  const known = [...EVENT_PLACEHOLDERS, 'env']

  it('is nothing where every name is known', () => {
    const text = '${transaction_id} ${properties.a-b.c} ${env.MY_KEY} ${timestamp:epoch_ns} $5 {x}'
    expect(templateProblems(text, known)).toEqual([])
  })

  it.each([
    ['${transactionid}', 'did you mean "transaction_id"'],
    ['${code.part}', 'write ${code}'],
    ['${value:float}', 'known: text, number'],
    ['${env.1}', 'write ${env.NAME}'],
    ['${env}', 'write ${env.NAME}'],
    ['${}', 'known: '],
  ])('%s is told with a remedy', (text, remedy) => {
    const [problem] = templateProblems(text, known)
    expect(problem?.remedy).toContain(remedy)
  })

  it('knows which variables it needs and whether an event has a say in it', () => {
    expect(environmentOf('Bearer ${env.A}${env.B} ${run}')).toEqual(['A', 'B'])
    expect(isConstant('Bearer ${env.A} ${run}')).toBe(true)
    expect(isConstant('/x/${code}')).toBe(false)
  })
})
