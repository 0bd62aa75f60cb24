/**
 * What a schema expects at one place of a document, for words to a person. In: a zod schema, a path, the document.
 * Out: the JSON Schema of that place, with the branch of a union that the document chose.
 */
import { z } from 'zod'

type Literal = string | number | boolean | null

/** The part of JSON Schema that our schemas produce. */
export interface Outline {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Outline>>
  readonly required?: readonly string[]
  readonly items?: Outline
  readonly additionalProperties?: Outline | boolean
  readonly anyOf?: readonly Outline[]
  readonly oneOf?: readonly Outline[]
  readonly allOf?: readonly Outline[]
  readonly enum?: readonly Literal[]
  readonly const?: Literal
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly minLength?: number
  readonly pattern?: string
}

export type Path = readonly (string | number)[]

export function outlineOf(schema: z.ZodType): Outline {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Outline
}

/** The outline of the value at `path`; null where the schema knows no such place. */
export function outlineAt(outline: Outline, path: Path, document: unknown): Outline | null {
  const chosen = chooseBranch(outline, document)
  const [key, ...rest] = path
  if (key === undefined) return chosen
  const next = childOutline(chosen, key)
  return next === null ? null : outlineAt(next, rest, childOf(document, key))
}

/** `a number from 1 to 5,000,000`, `one of even, poisson`; null where nothing limits the value. */
export function rangeText(outline: Outline): string | null {
  if (outline.enum !== undefined) return `one of ${outline.enum.map(String).join(', ')}`
  if (outline.const !== undefined) return String(outline.const)
  const kind = outline.type === 'integer' ? 'a whole number' : 'a number'
  const text = boundsText({
    low: usual(outline.minimum),
    above: usual(outline.exclusiveMinimum),
    high: usual(outline.maximum ?? outline.exclusiveMaximum),
  })
  return text === null ? null : `${kind} ${text}`
}

function boundsText({
  low,
  above,
  high,
}: Readonly<Record<'low' | 'above' | 'high', number | null>>) {
  const upTo = high === null ? '' : `, at most ${number(high)}`
  if (low !== null)
    return high === null ? `from ${number(low)}` : `from ${number(low)} to ${number(high)}`
  if (above !== null) return `above ${number(above)}${upTo}`
  return high === null ? null : `at most ${number(high)}`
}

/** Where a union is told apart by a literal, the branch with the document's literal; else the first that fits its type. */
function chooseBranch(outline: Outline, document: unknown): Outline {
  const branches = outline.oneOf ?? outline.anyOf ?? null
  if (branches === null) return outline
  const byLiteral = branches.find((branch) =>
    Object.entries(branch.properties ?? {}).some(
      ([key, property]) =>
        property.const !== undefined && childOf(document, key) === property.const,
    ),
  )
  if (byLiteral !== undefined) return byLiteral
  if (document !== null && typeof document === 'object') {
    return branches.find((branch) => branch.properties !== undefined) ?? outline
  }
  return outline
}

function childOutline(outline: Outline, key: string | number): Outline | null {
  if (typeof key === 'number') return outline.items ?? null
  const property = Object.hasOwn(outline.properties ?? {}, key)
    ? outline.properties?.[key]
    : undefined
  if (property !== undefined) return property
  return typeof outline.additionalProperties === 'object' ? outline.additionalProperties : null
}

function childOf(document: unknown, key: string | number): unknown {
  if (document === null || typeof document !== 'object') return undefined
  return (document as Readonly<Record<string | number, unknown>>)[key]
}

/** zod bounds every integer by what a double can hold: not worth telling. */
function usual(bound: number | undefined): number | null {
  return bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? null : bound
}

function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 6 })
}
