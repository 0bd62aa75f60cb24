/**
 * Texts and JSON with `${field}` in them. In: what a user wrote, and an event. Out: what is sent to his service. A text
 * that is nothing but one `${field}` keeps the field's type; anywhere else the field becomes part of the text.
 */
import { suggest } from '../kit/nearest.ts'
import { shapes } from './registry.ts'

export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** An event as its own JSON has it. */
export type EventFields = Readonly<Record<string, unknown>>

/** What `${…}` may name in something that is sent, whatever the shape. `properties.x` names one property. */
export const EVENT_PLACEHOLDERS: readonly string[] = [
  ...new Set(Object.values(shapes).flatMap(({ fields }) => fields)),
  'run',
]

const FORMS = ['text', 'number', 'epoch_s', 'epoch_ms', 'epoch_us', 'epoch_ns'] as const
type Form = (typeof FORMS)[number]

const PLACEHOLDER = /\$\{([^}]*)\}/g
const INSIDE = /^([a-z_]+)(\.[^:]+)?(?::([a-z_]+))?$/
const ENV_NAME = /^\.[A-Za-z_][A-Za-z0-9_]*$/

interface Hole {
  /** `value`, `properties`, `env`. */
  readonly name: string
  /** `region` of `properties.region`, `INGEST_KEY` of `env.INGEST_KEY`. */
  readonly member: string | null
  readonly form: Form | null
}

type Piece = string | Hole

/** What no event decides: `run`, and `env.NAME` by its whole name. */
export type Constants = Readonly<Record<string, string>>

export interface TemplateProblem {
  readonly message: string
  readonly remedy: string
}

/** What is wrong with the `${…}` of a text. @param known names that may stand here */
export function templateProblems(
  text: string,
  known: readonly string[],
): readonly TemplateProblem[] {
  return [...text.matchAll(PLACEHOLDER)].flatMap(
    ([whole, inside = '']) => problemOf(whole, inside, known) ?? [],
  )
}

function problemOf(
  whole: string,
  inside: string,
  known: readonly string[],
): TemplateProblem | null {
  const [, name = '', member, form] = INSIDE.exec(inside) ?? []
  if (!known.includes(name)) {
    const shown = known.map((each) => (each === 'env' ? 'env.NAME' : each))
    return { message: `${whole} is not known here`, remedy: suggest(inside, shown) }
  }
  if (name === 'env') {
    return ENV_NAME.test(member ?? '')
      ? null
      : { message: `${whole} names no variable`, remedy: 'write ${env.NAME}' }
  }
  if (member !== undefined && name !== 'properties') {
    return { message: `${whole}: ${name} has no parts`, remedy: `write \${${name}}` }
  }
  return form === undefined || isForm(form)
    ? null
    : { message: `${whole}: "${form}" is no form`, remedy: suggest(form, FORMS) }
}

/** Names of the environment variables that a text asks for. */
export function environmentOf(text: string): readonly string[] {
  return piecesOf(text).flatMap((piece) =>
    typeof piece !== 'string' && piece.name === 'env' && piece.member !== null
      ? [piece.member]
      : [],
  )
}

/** Every text in a JSON value, keys included. */
export function textsIn(value: JsonValue): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return (value as readonly JsonValue[]).flatMap(textsIn)
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsIn(item)])
}

export type Render = (event: EventFields) => string

/** @param encode applied to what a `${…}` stands for: `encodeURIComponent` in paths */
export function textTemplate(
  text: string,
  constants: Constants,
  encode: (text: string) => string = (plain) => plain,
): Render {
  const pieces = settled(
    piecesOf(text).map((piece) =>
      typeof piece === 'string' ? piece : constantOf(piece, constants, encode),
    ),
  )
  const [only] = pieces
  if (pieces.length === 1 && typeof only === 'string') return () => only
  return (event) =>
    pieces
      .map((piece) => (typeof piece === 'string' ? piece : encode(asText(valueOf(piece, event)))))
      .join('')
}

/** Whether the text is the same for every event. */
export function isConstant(text: string): boolean {
  return piecesOf(text).every(
    (piece) => typeof piece === 'string' || piece.name === 'env' || piece.name === 'run',
  )
}

/** JSON text of the template for an event. Keys are taken as they stand. */
export function jsonTemplate(template: JsonValue, constants: Constants): Render {
  const makers: (string | Render)[] = []
  collect(template, constants, makers)
  const pieces = settled(makers)
  return (event) =>
    pieces.map((piece) => (typeof piece === 'string' ? piece : piece(event))).join('')
}

function collect(value: JsonValue, constants: Constants, into: (string | Render)[]): void {
  if (typeof value === 'string') {
    into.push(jsonOfText(value, constants))
    return
  }
  if (typeof value !== 'object' || value === null) {
    into.push(JSON.stringify(value))
    return
  }
  const isArray = Array.isArray(value)
  into.push(isArray ? '[' : '{')
  for (const [at, [key, item]] of Object.entries(value).entries()) {
    if (at > 0) into.push(',')
    if (!isArray) into.push(`${JSON.stringify(key)}:`)
    collect(item, constants, into)
  }
  into.push(isArray ? ']' : '}')
}

function jsonOfText(text: string, constants: Constants): string | Render {
  const [only, ...others] = piecesOf(text)
  if (only !== undefined && others.length === 0 && typeof only !== 'string') {
    const known = constantOf(only, constants, (plain) => plain)
    if (typeof known === 'string') return JSON.stringify(known)
    return (event) => JSON.stringify(valueOf(only, event) ?? null)
  }
  const render = textTemplate(text, constants)
  const isFixed = isConstant(text)
  return isFixed ? JSON.stringify(render({})) : (event) => JSON.stringify(render(event))
}

/** Neighbouring constants become one. */
function settled<T>(pieces: readonly (string | T)[]): readonly (string | T)[] {
  const joined: (string | T)[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (typeof piece === 'string' && typeof last === 'string')
      joined[joined.length - 1] = last + piece
    else joined.push(piece)
  }
  return joined
}

function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const match of text.matchAll(PLACEHOLDER)) {
    if (match.index > from) pieces.push(text.slice(from, match.index))
    pieces.push(holeOf(match[1] ?? ''))
    from = match.index + match[0].length
  }
  if (from < text.length || pieces.length === 0) pieces.push(text.slice(from))
  return pieces
}

function holeOf(inside: string): Hole {
  const [, name, member, form] = INSIDE.exec(inside) ?? []
  return {
    name: name ?? inside,
    member: member === undefined ? null : member.slice(1),
    form: form !== undefined && isForm(form) ? form : null,
  }
}

function constantOf(hole: Hole, constants: Constants, encode: (text: string) => string): Piece {
  const key = hole.member === null ? hole.name : `${hole.name}.${hole.member}`
  const known = constants[key]
  return known === undefined ? hole : encode(known)
}

function valueOf({ name, member, form }: Hole, event: EventFields): unknown {
  const field = event[name]
  const value = member === null ? field : (field as EventFields | undefined)?.[member]
  return form === null ? value : formed(value, form)
}

function formed(value: unknown, form: Form): unknown {
  if (value === undefined || value === null) return value
  switch (form) {
    case 'text':
      return asText(value)
    case 'number':
      return Number(value)
    case 'epoch_s':
      return Math.floor(Date.parse(asText(value)) / 1_000)
    case 'epoch_ms':
      return Date.parse(asText(value))
    case 'epoch_us':
      return Date.parse(asText(value)) * 1_000
    case 'epoch_ns':
      // Beyond what a double holds exactly: as digits.
      return `${String(Date.parse(asText(value)))}000000`
  }
}

function asText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function isForm(text: string): text is Form {
  return (FORMS as readonly string[]).includes(text)
}
