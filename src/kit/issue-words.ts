/** A zod issue in words a person can act on. In: the issue and what the schema expects there. Out: what is wrong, what to do. */
import type { z } from 'zod'
import { nearest } from './nearest.ts'
import type { Outline, Path } from './schema-outline.ts'
import { outlineAt, rangeText } from './schema-outline.ts'

export interface Words {
  readonly path: Path
  readonly message: string
  readonly remedy: string
}

type Issue = z.core.$ZodIssue

export interface IssueContext {
  readonly outline: Outline
  readonly document: unknown
}

/** One issue may be several problems: every unknown key is one. */
export function wordsOf(issue: Issue, context: IssueContext): readonly Words[] {
  const path = issue.path.filter((key) => typeof key !== 'symbol')
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(outlineAt(context.outline, path, context.document)?.properties ?? {})
    return issue.keys.map((key) => unknownKey([...path, key], known))
  }
  const value = valueAt(context.document, path)
  const expected = outlineAt(context.outline, path, context.document)
  if (value === undefined) return [missing(path, expected)]
  return [{ path, ...wordsOfValue(issue, value, expected) }]
}

function unknownKey(path: Path, known: readonly string[]): Words {
  const key = String(path.at(-1))
  const near = nearest(key, known)
  const list = known.length === 0 ? 'nothing may stand here' : `known here: ${known.join(', ')}`
  return {
    path,
    message: `unknown key "${key}"`,
    remedy: near === null ? `remove it; ${list}` : `did you mean "${near}"? ${list}`,
  }
}

function missing(path: Path, expected: Outline | null): Words {
  const range = expected === null ? null : rangeText(expected)
  const what = range ?? (expected === null ? 'a value' : typeText(expected))
  return {
    path,
    message: `${String(path.at(-1) ?? 'the document')} is missing`,
    remedy: `add it: ${what}`,
  }
}

function wordsOfValue(
  issue: Issue,
  value: unknown,
  expected: Outline | null,
): { readonly message: string; readonly remedy: string } {
  const { range, type } = expectation(expected)
  if (value === null) {
    return { message: 'has no value', remedy: `write behind the colon: ${range ?? type}` }
  }
  switch (issue.code) {
    case 'invalid_value':
      return wrongChoice(value, issue.values.map(String))
    case 'too_small':
    case 'too_big':
      return outOfRange(issue, show(value), range)
    case 'invalid_type':
    case 'invalid_union': {
      const options = optionsOf(issue)
      if (options.length > 0) return wrongChoice(value, options)
      const message = `expected ${type}, found ${show(value)}`
      return { message, remedy: typeRemedy(value, range ?? type) }
    }
    default:
      return {
        message: `${show(value)}: ${issue.message}`,
        remedy: `use ${range ?? issue.message}`,
      }
  }
}

function expectation(expected: Outline | null): {
  readonly range: string | null
  readonly type: string
} {
  return expected === null
    ? { range: null, type: 'another value' }
    : { range: rangeText(expected), type: typeText(expected) }
}

function outOfRange(
  issue: Extract<Issue, { code: 'too_small' | 'too_big' }>,
  shown: string,
  range: string | null,
): { readonly message: string; readonly remedy: string } {
  const [bound, size, length, atBound, beyond] =
    issue.code === 'too_small'
      ? ([issue.minimum, 'small', 'short', 'at least', 'above'] as const)
      : ([issue.maximum, 'large', 'long', 'at most', 'below'] as const)
  const text = bound.toLocaleString('en-US')
  if (issue.origin === 'array' || issue.origin === 'string') {
    const unit = issue.origin === 'string' ? 'characters' : 'entries'
    return { message: `${shown} is too ${length}`, remedy: `give ${atBound} ${text} ${unit}` }
  }
  const limit = `${issue.inclusive === true ? atBound : beyond} ${text}`
  return {
    message: `${shown} is too ${size}: it must be ${limit}`,
    remedy: `use ${range ?? limit}`,
  }
}

function wrongChoice(
  value: unknown,
  options: readonly string[],
): { readonly message: string; readonly remedy: string } {
  const near = typeof value === 'string' ? nearest(value, options) : null
  const list = `one of ${options.join(', ')}`
  return {
    message: `${show(value)} is not known here`,
    remedy: near === null ? `use ${list}` : `did you mean "${near}"? ${list}`,
  }
}

/** zod puts the literals of a discriminated union beside the issue. */
function optionsOf(issue: Issue): readonly string[] {
  const options = (issue as { readonly options?: unknown }).options
  return Array.isArray(options) ? options.map(String) : []
}

function typeText(outline: Outline): string {
  const branches = outline.oneOf ?? outline.anyOf
  if (branches !== undefined) return [...new Set(branches.map(typeText))].join(' or ')
  switch (outline.type) {
    case 'number':
      return 'a number'
    case 'integer':
      return 'a whole number'
    case 'string':
      return 'a text'
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'object':
      return outline.properties === undefined
        ? 'keys with values'
        : `keys with values (${Object.keys(outline.properties).join(', ')})`
    default:
      return outline.const === undefined ? 'a value' : String(outline.const)
  }
}

function typeRemedy(value: unknown, wanted: string): string {
  if (typeof value === 'string' && wanted.includes('number')) {
    return Number.isFinite(Number(value.replaceAll(/[_,]/g, '')))
      ? `write ${value.replaceAll(/[_,]/g, '')} without quotes and separators`
      : `write ${wanted}; the ending of the key says its unit (S seconds, Ms milliseconds, PerS per second)`
  }
  return `write ${wanted}`
}

function show(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return `a list of ${String(value.length)}`
  if (typeof value === 'object') return 'keys with values'
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function valueAt(document: unknown, path: Path): unknown {
  let value = document
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined
    value = (value as Readonly<Record<string | number, unknown>>)[key]
  }
  return value
}
