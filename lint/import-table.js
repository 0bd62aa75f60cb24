/**
 * Who may import whom, and the rule that keeps it. A room is a folder of src/; `values` may be imported in any way,
 * `types` only by `import type`. A room always knows itself. Not listed means forbidden.
 */
import { dirname, relative, resolve, sep } from 'node:path'

export const IMPORT_TABLE = {
  // room: what it may use at run time, what it may only name
  kit: { values: [], types: [] },
  // Which settings and fields a scenario may name is its shape's to say.
  scenario: { values: ['kit', 'collect', 'shapes'], types: [] },
  shapes: { values: ['kit'], types: ['scenario'] },
  target: {
    values: ['kit', 'scenario', 'architecture', 'engines', 'shapes', 'collect'],
    types: ['results', 'drive'],
  },
  engines: { values: ['kit', 'shapes'], types: ['architecture', 'collect'] },
  architecture: { values: ['kit'], types: ['collect', 'engines', 'scenario'] },
  drive: { values: ['kit', 'shapes'], types: ['scenario', 'architecture'] },
  collect: {
    values: ['kit', 'shapes'],
    types: ['architecture', 'engines', 'scenario', 'drive', 'results'],
  },
  // Compares what was sent with what is stored; reads stores through the contract, never an engine's own client.
  audit: {
    values: ['kit', 'shapes', 'drive'],
    types: ['architecture', 'engines', 'results', 'collect'],
  },
  results: { values: ['kit', 'scenario', 'target', 'plan'], types: [] },
  study: {
    values: [
      'kit',
      'scenario',
      'shapes',
      'target',
      'engines',
      'drive',
      'collect',
      'audit',
      'results',
      'judge',
      'plan',
    ],
    types: ['architecture'],
  },
  judge: {
    values: ['kit', 'collect', 'results', 'plan'],
    types: ['scenario', 'shapes', 'engines', 'drive'],
  },
  plan: { values: ['kit'], types: ['results', 'scenario', 'shapes', 'collect'] },
  report: { values: ['kit', 'collect', 'results', 'judge', 'plan'], types: ['scenario', 'shapes'] },
  cli: {
    values: [
      'kit',
      'scenario',
      'shapes',
      'target',
      'engines',
      'architecture',
      'drive',
      'collect',
      'results',
      'study',
      'judge',
      'plan',
      'report',
    ],
    types: [],
  },
  // The services under test: each folder knows itself and the edge it shares, never a sibling and never the harness.
  'service-kit': {
    values: ['kit', 'shapes', 'architecture'],
    types: ['scenario', 'engines', 'collect'],
  },
  'reference-impl': {
    values: ['kit', 'architecture', 'shapes', 'service-kit'],
    types: ['engines', 'collect'],
  },
}

/** The one file that may name the reference implementations. */
export const KNOWS_REFERENCE_IMPL = 'src/target/registry.ts'

/** Rooms without a clock, a socket or a process. */
export const PURE_ROOMS = ['judge', 'plan', 'report']

/** `src/judge/x.ts` → judge; `reference-impl/pg-direct/x.ts` → reference-impl; anything else → null. */
export function roomOf(path) {
  const [top, folder] = path.split('/')
  if (top === 'src') return folder ?? null
  if (top === 'reference-impl') return folder === 'service-kit' ? 'service-kit' : 'reference-impl'
  return null
}

/** Why `from` may not import `to`; null where it may. Paths are relative to the root, with forward slashes. */
export function forbiddenBecause(from, to, typeOnly) {
  const room = roomOf(from)
  const other = roomOf(to)
  if (room === null) return null
  if (other === null) return `${room} may not import ${to}: it lies outside src and reference-impl`
  if (room === 'reference-impl' && other === 'reference-impl') {
    const sameFolder = from.split('/')[1] === to.split('/')[1]
    return sameFolder ? null : 'an architecture may not import another one'
  }
  if (room === other) return null
  if (other === 'reference-impl' && from === KNOWS_REFERENCE_IMPL) return null
  const entry = IMPORT_TABLE[room]
  if (entry === undefined) return `${room} has no line in lint/import-table.js`
  if (entry.values.includes(other)) return null
  if (entry.types.includes(other)) {
    return typeOnly ? null : `${room} may only \`import type\` from ${other}`
  }
  return `${room} may not know ${other}`
}

/** ESLint rule: every relative import follows the table. */
export const followsImportTable = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { forbidden: '{{reason}} (lint/import-table.js)' },
  },
  create(context) {
    const root = context.cwd
    const from = relative(root, context.filename).split(sep).join('/')
    const check = (node) => {
      const source = node.source?.value
      if (typeof source !== 'string' || !source.startsWith('.')) return
      const to = relative(root, resolve(dirname(context.filename), source))
        .split(sep)
        .join('/')
      const reason = forbiddenBecause(from, to, isTypeOnly(node))
      if (reason !== null) context.report({ node, messageId: 'forbidden', data: { reason } })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    }
  },
}

function isTypeOnly(node) {
  return node.importKind === 'type' || node.exportKind === 'type'
}
