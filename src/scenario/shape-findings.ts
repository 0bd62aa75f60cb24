/** What a scenario says that only its shape can judge: the shape's settings, and which fields a recorded file feeds. */
import { wordsOf } from '../kit/issue-words.ts'
import { suggest } from '../kit/nearest.ts'
import { outlineOf } from '../kit/schema-outline.ts'
import type { Finding } from '../kit/yaml-door.ts'
import type { MappedField } from '../shapes/recorded/mapping.ts'
import { shapes } from '../shapes/registry.ts'
import type { RateShape, Scenario } from './scenario.ts'

export function shapeFindings({ shape, shapeSettings, rate }: Scenario): readonly Finding[] {
  const { settings, mapped } = shapes[shape]
  const document = shapeSettings ?? {}
  const read = settings.safeParse(document)
  const context = { outline: outlineOf(settings), document }
  const unfit = (read.error?.issues ?? []).flatMap((issue) => wordsOf(issue, context))
  return [
    ...unfit.map(({ path, ...words }) => ({ path: ['shapeSettings', ...path], ...words })),
    ...(rate.kind === 'recorded' ? mappingFindings(rate.mapping, mapped, shape) : []),
  ]
}

type Mapping = Extract<RateShape, { kind: 'recorded' }>['mapping']

function mappingFindings(
  mapping: Mapping,
  mapped: readonly MappedField[],
  shape: string,
): readonly Finding[] {
  const known = mapped.map(({ name }) => name)
  const path = ['rate', 'mapping']
  const unknown = Object.keys(mapping)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      path: [...path, name],
      message: `${shape} events have no field "${name}"`,
      remedy: suggest(name, known),
    }))
  const unfit = mapped.flatMap(({ name, takes }): readonly Finding[] => {
    const given = mapping[name]
    if (given === undefined) {
      if (takes !== 'one') return []
      return [{ path: [...path, name], message: `${name} is missing`, remedy: 'add it: text' }]
    }
    if (typeof given !== 'string' && takes !== 'many') {
      const message = `${name} takes one column or path`
      return [{ path: [...path, name], message, remedy: 'write one name, without brackets' }]
    }
    return []
  })
  return [...unknown, ...unfit]
}
