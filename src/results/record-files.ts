/**
 * Records as files. In: a path and a schema. Out: what was read, or one error that names the file and what is wrong; or a
 * file that is written once, whole or not at all.
 */
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { readableJson } from './canonical.ts'
import { assertNoSecrets } from './redaction.ts'

/** Beside the record of a study that can be gone on with. */
export const PLAN_FILE = 'plan.json'

/** The same of a study of claims: another name, because what goes on with it is another command. */
export const CLAIMS_PLAN_FILE = 'claims-plan.json'

/** The newest record schema this Headroom reads and the one it writes. */
const SCHEMA_VERSION = 1

export async function readJson(file: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const because = isErrno(error, 'ENOENT') ? 'it does not exist' : messageOf(error)
    throw new HeadroomError('RECORD_UNREADABLE', `${file} cannot be read: ${because}`, {
      cause: error,
    })
  }
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new HeadroomError('RECORD_UNREADABLE', `${file} is not JSON: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

export function parseRecord<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const version = z.looseObject({ schema: z.number() }).safeParse(value)
  if (version.success && version.data.schema > SCHEMA_VERSION) {
    throw new HeadroomError(
      'RECORD_UNREADABLE',
      `${file} has record schema ${version.data.schema}; this Headroom reads up to ${SCHEMA_VERSION}`,
      { hint: 'read it with the newer Headroom that wrote it' },
    )
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => ({
    file,
    line: null,
    path: issue.path.join('.'),
    message: issue.message,
    remedy: 'records are never edited by hand: take the one that Headroom wrote',
  }))
  const first = problems[0]
  throw new HeadroomError(
    'RECORD_UNREADABLE',
    `${file} is not a record of schema ${SCHEMA_VERSION}: ${first?.path ?? ''}: ${first?.message ?? ''}`,
    { problems, cause: parsed.error },
  )
}

export function textOf(record: unknown, secrets: readonly string[]): string {
  assertNoSecrets(record, secrets)
  return readableJson(record)
}

/** Whole or not at all: written aside, made durable, then given its name, which fails if the name is taken. */
export async function writeOnce(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const aside = `${file}.${process.pid}.tmp`
  try {
    await writeDurably(aside, text)
    await link(aside, file)
  } catch (error) {
    if (isErrno(error, 'EEXIST')) {
      throw new Error(`${file} was written before: a record is never edited`, { cause: error })
    }
    if (isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')) {
      throw new HeadroomError('DISK_FULL', `no room to write ${file}`, {
        hint: 'free some space on that disk, then run again',
        cause: error,
      })
    }
    throw error
  } finally {
    await rm(aside, { force: true })
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o644)
  try {
    await handle.writeFile(text, 'utf8')
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export async function exists(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false
    throw error
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
