/** Where the package lies on disk, from source and from dist alike. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The folder that holds package.json: SQL, YAML and fonts are read from there, from source and from dist alike. */
export const packageRoot: string = findUp(import.meta.dirname)

function findUp(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from
  const parent = dirname(from)
  if (parent === from) throw new Error(`no package.json above ${import.meta.dirname}`)
  return findUp(parent)
}

/**
 * The file a child process is started with. Compiled code starts compiled children (dist/…/x.js); code run from
 * source by vitest also starts the compiled child, so a build must have happened (pretest does it).
 * @param entry path below the package root, with its .ts ending
 */
export function compiledEntry(entry: string): string {
  return join(packageRoot, 'dist', entry.replace(/\.ts$/, '.js'))
}
