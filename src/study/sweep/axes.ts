/**
 * What a user wants varied. In: `--vary path=v1,v2`, `--set path=value`, or the same in a file. Out: axes with labelled
 * levels, not yet held against any target or scenario.
 */
import { parse } from 'yaml'
import type { z } from 'zod'
import type { Problem } from '../../kit/errors.ts'
import { messageOf } from '../../kit/errors.ts'

type Json = z.core.util.JSONType

/** Values by path. */
export type Assignments = Readonly<Record<string, Json>>

export interface WantedLevel {
  readonly label: string
  readonly set: Assignments
}

export interface WantedAxis {
  readonly name: string
  /** null where a level sets several paths at once. */
  readonly path: string | null
  /** One level alone is compared with what the files say. */
  readonly levels: readonly WantedLevel[]
  /** Where it stands, for problems: `--vary`, `scenarios/sweeps/batch.yaml:8`. */
  readonly from: { readonly file: string; readonly line: number | null }
}

/** Either what was meant, or what is wrong with it. */
type Read<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem }

/** Values are YAML, so `100` is a number, `off` a text, and `[500,1500],[1000]` are two lists. */
export function axisOfFlag(text: string): Read<WantedAxis> {
  const flag = '--vary'
  const parts = splitFlag(flag, text)
  if (!parts.ok) return parts
  const { path, values } = parts.value
  return {
    ok: true,
    value: { ...axisOfValues(path, values), from: { file: flag, line: null } },
  }
}

export function assignmentOfFlag(text: string): Read<readonly [path: string, value: Json]> {
  const parts = splitFlag('--set', text)
  if (!parts.ok) return parts
  const { path, values } = parts.value
  const [value, ...more] = values
  if (value === undefined || more.length > 0) {
    const message = `"${text}" sets ${String(values.length)} values`
    return wrong('--set', { path, message, remedy: `give one, or vary it: --vary ${text}` })
  }
  return { ok: true, value: [path, value] }
}

export function axisOfValues(
  path: string,
  values: readonly Json[],
): Pick<WantedAxis, 'name' | 'path' | 'levels'> {
  const levels = values.map((value) => ({ label: labelOf(value), set: { [path]: value } }))
  return { name: shortName(path), path, levels }
}

/** As people read a value; texts without quotes. */
export function labelOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function splitFlag(
  flag: string,
  text: string,
): Read<{ readonly path: string; readonly values: readonly Json[] }> {
  const at = text.indexOf('=')
  const path = at < 0 ? text : text.slice(0, at).trim()
  const given = at < 0 ? '' : text.slice(at + 1)
  const remedy = `write ${flag} scenario.batchEvents=1,10,100 or ${flag} engines.database.settings.synchronous_commit=on,off`
  if (path === '' || given.trim() === '') {
    return wrong(flag, { path, message: `"${text}" has no path or no value`, remedy })
  }
  try {
    const values = parse(`[${given}]`) as unknown
    if (!Array.isArray(values)) throw new Error('it is no list of values')
    return { ok: true, value: { path, values: values as Json[] } }
  } catch (error) {
    const message = `"${given}" cannot be read: ${messageOf(error).split('\n')[0] ?? ''}`
    return wrong(flag, { path, message, remedy: 'put texts with : # [ ] { } or , in quotes' })
  }
}

function wrong(
  file: string,
  { path, message, remedy }: Pick<Problem, 'path' | 'message' | 'remedy'>,
): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem: { file, line: null, path, message, remedy } }
}

/** `synchronous_commit` of `engines.database.settings.synchronous_commit`. */
function shortName(path: string): string {
  return path.split('.').at(-1) ?? path
}
