/**
 * The only door through which YAML comes in. In: a file and a schema. Out: a value every later room believes, or one
 * BAD_INPUT that lists all problems, each with its line and what to do. It opens no other file and follows no link.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, extname, relative, resolve } from 'node:path'
import { LineCounter, isCollection, isMap, isNode, isScalar, parseDocument } from 'yaml'
import type { Document } from 'yaml'
import type { z } from 'zod'
import type { Problem } from './errors.ts'
import { HeadroomError, messageOf } from './errors.ts'
import { wordsOf } from './issue-words.ts'
import { suggest } from './nearest.ts'
import type { Path } from './schema-outline.ts'
import { outlineOf } from './schema-outline.ts'

/** Far above any file a person writes; a longer one is data that was meant for something else. */
const FILE_BYTES_MAX = 1024 * 1024
/** Anchors are fine, a document that unfolds to thousands of copies is not. */
const ALIASES_MAX = 100

/** Something the schema cannot say: a rule over several fields, or over the world outside the file. */
export interface Finding {
  readonly path: Path
  readonly message: string
  readonly remedy: string
}

export interface DoorOptions<T> {
  /** What the file is, for messages: `scenario`. */
  readonly what: string
  /** Asked once the schema is satisfied. */
  readonly check?: (value: T) => readonly Finding[]
}

/** @throws HeadroomError FILE_NOT_FOUND when it cannot be read, BAD_INPUT with every problem when it is not right. */
export function parseYamlFile<T>(schema: z.ZodType<T>, file: string, options: DoorOptions<T>): T {
  return parseYamlText(
    schema,
    { file: shownPath(file), text: readText(file, options.what) },
    options,
  )
}

export function parseYamlText<T>(
  schema: z.ZodType<T>,
  source: { readonly file: string; readonly text: string },
  options: DoorOptions<T>,
): T {
  const lines = new LineCounter()
  const document = parseOrFail(source, lines, options.what)
  const at = (path: Path, words: Omit<Finding, 'path'>): Problem => ({
    file: source.file,
    line: lineOf(document, path, lines),
    path: pathText(path),
    message: words.message,
    remedy: words.remedy,
  })

  const content = contentOf(document, (message, remedy) =>
    fail(options.what, [at([], { message, remedy })]),
  )
  const parsed = schema.safeParse(content)
  if (!parsed.success) {
    const words = schemaFindings(schema, content)
    fail(
      options.what,
      words.map((entry) => at(entry.path, entry)),
    )
  }
  const findings = options.check?.(parsed.data) ?? []
  if (findings.length > 0)
    fail(
      options.what,
      findings.map((finding) => at(finding.path, finding)),
    )
  return parsed.data
}

/** What a schema finds wrong with a value, in words; empty when nothing is. */
export function schemaFindings(schema: z.ZodType, value: unknown): readonly Finding[] {
  const parsed = schema.safeParse(value)
  if (parsed.success) return []
  const context = { outline: outlineOf(schema), document: value }
  return parsed.error.issues.flatMap((issue) => wordsOf(issue, context))
}

function readText(file: string, what: string): string {
  try {
    const { size } = statSync(file)
    if (size > FILE_BYTES_MAX) {
      throw new HeadroomError(
        'BAD_INPUT',
        `${shownPath(file)} is ${String(size)} bytes: too large for a ${what}`,
        {
          hint: `a ${what} is YAML of at most 1 MiB; is this another file?`,
        },
      )
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof HeadroomError) throw error
    throw new HeadroomError(
      'FILE_NOT_FOUND',
      `cannot read the ${what} ${shownPath(file)}: ${reasonOf(error)}`,
      {
        hint: neighboursOf(file),
        cause: error,
      },
    )
  }
}

function parseOrFail(
  source: { readonly file: string; readonly text: string },
  lineCounter: LineCounter,
  what: string,
): Document {
  let document: Document
  try {
    document = parseDocument(source.text, { lineCounter, prettyErrors: false })
  } catch (error) {
    // Nesting deeper than the parser's stack.
    const message = `cannot be parsed: ${messageOf(error)}`
    return fail(what, [
      { file: source.file, line: null, path: '', message, remedy: 'write it flatter' },
    ])
  }
  const problems = [...document.errors, ...document.warnings].map((error) => ({
    file: source.file,
    line: lineCounter.linePos(error.pos[0]).line,
    path: '',
    message: sentence(error.message),
    remedy: SYNTAX_REMEDIES[error.code] ?? 'mend the YAML on this line',
  }))
  if (problems.length > 0) fail(what, problems)
  return document
}

const SYNTAX_REMEDIES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'keep one of the two',
  TAB_AS_INDENT: 'indent with spaces',
  BAD_INDENT: 'close the bracket before this line, or line the keys up with their neighbours',
  MULTILINE_IMPLICIT_KEY: 'check the indentation, and put texts with a colon in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'check the indentation, and put texts with a colon in quotes',
  MISSING_CHAR: 'close the bracket or quote that is open here',
  MULTIPLE_DOCS: 'keep one document per file: remove the line ---',
  TAG_RESOLVE_FAILED: 'remove the tag: only plain YAML is read',
}

function contentOf(
  document: Document,
  broken: (message: string, remedy: string) => never,
): unknown {
  if (document.contents === null)
    return broken('the file is empty', 'write the document, or remove the file')
  if (!isMap(document.contents)) {
    return broken(
      'the document is not a set of keys',
      'begin with a key, for example name: my-name',
    )
  }
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as unknown
  } catch (error) {
    return broken(
      sentence(messageOf(error)),
      `use at most ${String(ALIASES_MAX)} copies of anchored values`,
    )
  }
}

/** The keys at the top of a YAML file; none where it is none. */
export function yamlKeys(file: string): readonly string[] {
  const { contents } = parseDocument(readText(file, 'file'), { prettyErrors: false })
  return isMap(contents)
    ? contents.items.flatMap(({ key }) => (isScalar(key) ? [String(key.value)] : []))
    : []
}

/** The line of a field in a file that was right when it was read; null where there is none. @throws where it cannot be read */
export function lineInFile(file: string, path: Path): number | null {
  const lineCounter = new LineCounter()
  const document = parseDocument(readFileSync(file, 'utf8'), { lineCounter, prettyErrors: false })
  return lineOf(document, path, lineCounter)
}

/** The line of the value at `path`, of its key, or of the nearest thing above it that exists. */
function lineOf(document: Document, path: Path, lines: LineCounter): number | null {
  for (let length = path.length; length >= 0; length--) {
    const offset = offsetOf(document, path.slice(0, length))
    if (offset !== null) return lines.linePos(offset).line
  }
  return null
}

function offsetOf(document: Document, path: Path): number | null {
  const key = path.at(-1)
  if (key === undefined) return startOf(document.contents)
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  if (isMap(parent)) {
    const names = parent.items.map((pair) => pair.key)
    return startOf(names.find((name) => isScalar(name) && String(name.value) === String(key)))
  }
  return isCollection(parent) ? startOf(parent.get(key, true)) : null
}

function startOf(node: unknown): number | null {
  return isNode(node) ? (node.range?.[0] ?? null) : null
}

function fail(what: string, problems: readonly Problem[]): never {
  const file = problems[0]?.file ?? what
  const count = problems.length === 1 ? 'one problem' : `${String(problems.length)} problems`
  throw new HeadroomError('BAD_INPUT', `the ${what} ${file} has ${count}`, { problems })
}

/** `slos[0].max` */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${String(key)}]` : text === '' ? key : `${text}.${key}`,
    '',
  )
}

/** As a person in this folder would type it. */
export function shownPath(file: string): string {
  const near = relative(process.cwd(), resolve(file))
  return near === '' || near.startsWith('..') ? resolve(file) : near
}

function neighboursOf(file: string): string {
  const folder = dirname(resolve(file))
  try {
    const yaml = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name))
    const names = extname(file) === '' ? yaml.map((name) => name.replace(/\.ya?ml$/, '')) : yaml
    return yaml.length === 0
      ? `${shownPath(folder)} holds no YAML file`
      : `in ${shownPath(folder)}: ${suggest(basename(file), names)}`
  } catch {
    return `the folder ${shownPath(folder)} cannot be read either`
  }
}

function reasonOf(error: unknown): string {
  const code = (error as { readonly code?: unknown }).code
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EISDIR') return 'it is a folder'
  if (code === 'EACCES') return 'reading it is not allowed'
  return messageOf(error)
}

function sentence(text: string): string {
  return text.split('\n')[0] ?? text
}
