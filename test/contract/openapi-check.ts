/** Holds real responses against reference-impl/openapi.yaml, with the Ajv that Fastify brings along. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parse } from 'yaml'
import { packageRoot } from '../../src/kit/paths.ts'

interface Validate {
  (value: unknown): boolean
  readonly errors?: readonly { readonly instancePath: string; readonly message?: string }[] | null
}
interface Ajv {
  addSchema(schema: unknown, key: string): void
  getSchema(ref: string): Validate | undefined
}

type Node = Readonly<Record<string, unknown>>

export const openapi = parse(
  readFileSync(join(packageRoot, 'reference-impl', 'openapi.yaml'), 'utf8'),
) as Node

const ajv = makeAjv()

function makeAjv(): Ajv {
  const own = createRequire(import.meta.url)
  const ofFastify = createRequire(own.resolve('fastify'))
  const ofCompiler = createRequire(ofFastify.resolve('@fastify/ajv-compiler'))
  const { Ajv2020 } = ofCompiler('ajv/dist/2020') as {
    Ajv2020: new (options: Node) => Ajv
  }
  // Formats are annotations in 2020-12; patterns say what is checked. The document's own keywords are OpenAPI's.
  const made = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
  made.addSchema(openapi, 'openapi')
  return made
}

/** @param path from the root of the document, as written there */
export function validatorAt(path: readonly string[]): Validate {
  const pointer = path
    .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/')
  const validate = ajv.getSchema(`openapi#/${pointer}`)
  if (validate === undefined) throw new Error(`openapi.yaml has nothing at ${path.join(' ')}`)
  return validate
}

/** Follows `$ref` where the node is one; returns the node and where it stands. */
function resolve(path: readonly string[]): {
  readonly node: Node
  readonly path: readonly string[]
} {
  let node: unknown = openapi
  for (const part of path) node = (node as Node | undefined)?.[part]
  const ref = (node as Node | undefined)?.['$ref']
  if (typeof ref === 'string') return resolve(ref.replace('#/', '').split('/'))
  if (typeof node !== 'object' || node === null) throw new Error(`nothing at ${path.join(' ')}`)
  return { node: node as Node, path }
}

export interface Seen {
  readonly route: string
  readonly method: 'get' | 'post'
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** Throws with every difference between a response and its description. */
export function expectConforming(seen: Seen): void {
  const { route, method, status, headers, body } = seen
  const response = resolve(['paths', route, method, 'responses', String(status)])
  const problems: string[] = []
  for (const name of Object.keys(response.node['headers'] ?? {})) {
    const header = resolve([...response.path, 'headers', name])
    const value = headers.get(name)
    if (value === null && header.node['required'] !== true) continue
    if (!validatorAt([...header.path, 'schema'])(value))
      problems.push(`header ${name}: ${String(value)}`)
  }
  const [type] = (headers.get('content-type') ?? '').split(';')
  const validate = validatorAt([...response.path, 'content', type ?? '', 'schema'])
  if (!validate(body)) {
    for (const error of validate.errors ?? [])
      problems.push(`${error.instancePath} ${error.message ?? ''}`)
  }
  if (problems.length > 0) {
    throw new Error(
      `${method} ${route} ${String(status)} differs from openapi.yaml: ${problems.join('; ')}`,
    )
  }
}
