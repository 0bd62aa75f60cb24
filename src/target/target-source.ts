/**
 * Where in its file a target says something, for errors that are met after the file was read. In: a target as it was
 * loaded. Out: `targets/mine.yaml:12`, or the target's name where its file is not known.
 */
import { readFileSync } from 'node:fs'
import type { Finding } from '../kit/yaml-door.ts'
import { lineInFile, shownPath } from '../kit/yaml-door.ts'
import type { Target } from './target.ts'

const files = new WeakMap<Target, string>()

export function rememberFile<T extends Target>(target: T, file: string): T {
  files.set(target, file)
  return target
}

/** Where the field stands. */
export function placeOfField(target: Target, path: Finding['path']): string {
  return placeOf(target, (file) => lineInFile(file, path))
}

/** Where the text stands first, outside of comments. */
export function placeOfText(target: Target, text: string): string {
  return placeOf(target, (file) => {
    const lines = readFileSync(file, 'utf8').split('\n')
    return lines.findIndex((line) => !/^\s*#/.test(line) && line.includes(text)) + 1
  })
}

function placeOf(target: Target, lineOf: (file: string) => number | null): string {
  const file = files.get(target)
  if (file === undefined) return `target ${target.name}`
  try {
    const line = lineOf(file) ?? 0
    return line === 0 ? shownPath(file) : `${shownPath(file)}:${String(line)}`
  } catch {
    // The file may be gone by now; its name still helps.
    return shownPath(file)
  }
}
