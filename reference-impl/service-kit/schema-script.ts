/**
 * Schema files with variants. In: SQL text whose parts stand below `-- variant: a, b` lines (`all` for every variant).
 * Out: the statements of one variant, or of several taken together, in order.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunningEngine } from '../../src/engines/engine.ts'
import { packageRoot } from '../../src/kit/paths.ts'

const MARKER = /^-- variant: (.+)$/

/** Throws when a statement stands before the first marker. */
export function statementsOf(script: string, ...variants: readonly string[]): readonly string[] {
  let names: readonly string[] | null = null
  const kept: string[] = []
  for (const line of script.split('\n')) {
    const marker = MARKER.exec(line)
    if (marker !== null) {
      names = (marker[1] ?? '').split(',').map((name) => name.trim())
    } else if (!line.startsWith('--') && line.trim() !== '') {
      if (names === null) throw new Error(`a statement stands before the first variant: ${line}`)
      if (names.includes('all') || names.some((name) => variants.includes(name))) kept.push(line)
    }
  }
  return pieces(kept.join('\n'))
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

/** A body between $$ and $$ is one text, whatever ends in it. */
function pieces(script: string): readonly string[] {
  const found: string[] = []
  let inBody = false
  for (const piece of script.split(/;[^\S\n]*(?:\n|$)/)) {
    if (inBody) found.push(`${found.pop() ?? ''};\n${piece}`)
    else found.push(piece)
    if (piece.split('$$').length % 2 === 0) inBody = !inBody
  }
  return found
}

/** @param file path below reference-impl: `service-kit/postgres/events.sql`. Rejects when the engine refuses a statement. */
export async function applySchema(
  engine: RunningEngine,
  file: string,
  options: {
    readonly variant: string
    /** Further parts of the file that settings ask for. */
    readonly parts?: readonly string[]
    readonly signal: AbortSignal
  },
): Promise<void> {
  const script = await readFile(join(packageRoot, 'reference-impl', file), 'utf8')
  for (const statement of statementsOf(script, options.variant, ...(options.parts ?? []))) {
    await engine.control.execute(statement, options.signal)
  }
}
