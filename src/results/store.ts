/**
 * Records on disk. In: a study's runs, parsed and free of secrets. Out: folders that are written once and read back.
 *
 *     results/2026-11-21T10-22-05-quick/study.json
 *     results/2026-11-21T10-22-05-quick/01-pg-direct-round-1/run.json  series.ndjson  …
 */
import { link, mkdir, open, readFile, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { readableJson } from './canonical.ts'
import { RunRecord, StudyRecord } from './record.ts'
import { assertNoSecrets } from './redaction.ts'

const RESULTS_DIR = 'results'
const STUDY_FILE = 'study.json'
const RUN_FILE = 'run.json'
/** The newest record schema this Headroom reads and the one it writes. */
const SCHEMA_VERSION = 1

export interface StoredStudy {
  /** Absolute folder of the study. */
  readonly dir: string
  readonly study: StudyRecord
  /** In order of execution. */
  readonly runs: readonly StoredRun[]
}

export interface StoredRun {
  /** Absolute folder of the run. */
  readonly dir: string
  readonly record: RunRecord
  /** Absolute path of the series; null when nothing was sampled. */
  readonly seriesFile: string | null
}

export interface StudyEntry {
  readonly id: string
  readonly dir: string
  /** `unfinished`: it was killed before its record was written. `unreadable`: the record is broken or newer. */
  readonly state: 'whole' | 'unfinished' | 'unreadable'
  readonly study: StudyRecord | null
  readonly because: string | null
}

/**
 * Makes results/<YYYY-MM-DDTHH-MM-SS-name>/ (UTC) below `baseDir`; a number is appended where another study began in
 * the same second. @returns its absolute path
 */
export async function createStudyDir(
  baseDir: string,
  name: string,
  startedAt: Date,
): Promise<string> {
  const second = startedAt.toISOString().slice(0, 19).replaceAll(':', '-')
  const parent = join(resolve(baseDir), RESULTS_DIR)
  await mkdir(parent, { recursive: true })
  for (let attempt = 1; ; attempt += 1) {
    const dir = join(parent, attempt === 1 ? `${second}-${name}` : `${second}-${name}-${attempt}`)
    try {
      await mkdir(dir)
      return dir
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error
    }
  }
}

/**
 * Writes `<runDir>/run.json`, whole or not at all, and never over another.
 * @throws Error when the record is not one, holds a secret, or was written before
 */
export async function writeRunRecord(
  runDir: string,
  record: RunRecord,
  secrets: readonly string[] = [],
): Promise<string> {
  const file = join(runDir, RUN_FILE)
  await writeOnce(file, textOf(RunRecord.parse(record), secrets))
  return file
}

/** Writes `<studyDir>/study.json`; as `writeRunRecord`. */
export async function writeStudyRecord(
  studyDir: string,
  study: StudyRecord,
  secrets: readonly string[] = [],
): Promise<string> {
  const file = join(studyDir, STUDY_FILE)
  await writeOnce(file, textOf(StudyRecord.parse(study), secrets))
  return file
}

/**
 * Reads a study with all its runs.
 * @param which a folder, an id, the beginning of an id that only one study has, or `latest`
 * @throws HeadroomError UNKNOWN_RUN listing what there is; RECORD_UNREADABLE naming the file and what is wrong
 */
export async function readStudy(which: string, baseDir = '.'): Promise<StoredStudy> {
  const dir = await findStudy(which, baseDir)
  const file = join(dir, STUDY_FILE)
  const study = parseRecord(StudyRecord, await readJson(file), file)
  const runs = await Promise.all(study.runs.map((folder) => readRun(dir, folder)))
  return { dir, study, runs }
}

/** Studies below `baseDir`/results, oldest first; broken ones are listed with the reason. */
export async function listStudies(baseDir = '.'): Promise<readonly StudyEntry[]> {
  const parent = join(resolve(baseDir), RESULTS_DIR)
  let names: readonly string[]
  try {
    const entries = await readdir(parent, { withFileTypes: true })
    names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
  // results/baselines/ holds committed records, one folder deeper: it is no study itself.
  const ids = names.filter((name) => /^\d{4}-\d\d-\d\dT/.test(name)).sort()
  return await Promise.all(ids.map((id) => entryOf(join(parent, id))))
}

async function entryOf(dir: string): Promise<StudyEntry> {
  const id = basename(dir)
  const file = join(dir, STUDY_FILE)
  if (!(await exists(file))) {
    const because = 'it has no study.json: it is still running or was killed'
    return { id, dir, state: 'unfinished', study: null, because }
  }
  try {
    const study = parseRecord(StudyRecord, await readJson(file), file)
    return { id, dir, state: 'whole', study, because: null }
  } catch (error) {
    return { id, dir, state: 'unreadable', study: null, because: messageOf(error) }
  }
}

async function findStudy(which: string, baseDir: string): Promise<string> {
  const asPath = isAbsolute(which) ? which : resolve(baseDir, which)
  if (await exists(join(asPath, STUDY_FILE))) return asPath
  const parent = join(resolve(baseDir), RESULTS_DIR)
  if (which !== '' && (await exists(join(parent, which, STUDY_FILE)))) return join(parent, which)

  const entries = await listStudies(baseDir)
  const whole = entries.filter((entry) => entry.state === 'whole')
  const newest = whole.at(-1)
  if (which === 'latest' && newest !== undefined) return newest.dir
  const matching = entries.filter((entry) => which !== '' && entry.id.startsWith(which))
  const [only] = matching
  if (matching.length > 1 || only === undefined) throw unknownStudy(which, matching, entries)
  if (only.state === 'unfinished') {
    throw new HeadroomError('RECORD_UNREADABLE', `${only.id}: ${only.because ?? 'unfinished'}`, {
      hint: 'run it again; its logs and partial series are in its folder',
    })
  }
  return only.dir
}

function unknownStudy(
  which: string,
  matching: readonly StudyEntry[],
  all: readonly StudyEntry[],
): HeadroomError {
  const shown = (matching.length > 1 ? matching : all).slice(-10).map((entry) => entry.id)
  const what = matching.length > 1 ? `several runs begin with "${which}"` : `no run "${which}"`
  return new HeadroomError('UNKNOWN_RUN', what, {
    hint:
      shown.length === 0
        ? 'there are no results yet: `headroom run quick` makes some'
        : `there is: ${shown.join(', ')}`,
  })
}

async function readRun(studyDir: string, folder: string): Promise<StoredRun> {
  const dir = inside(studyDir, folder, join(studyDir, STUDY_FILE))
  const file = join(dir, RUN_FILE)
  const record = parseRecord(RunRecord, await readJson(file), file)
  const seriesFile = record.seriesFile === null ? null : inside(dir, record.seriesFile, file)
  return { dir, record, seriesFile }
}

/** A record may come from somebody else: what it names must lie beside it. */
function inside(dir: string, name: string, file: string): string {
  const path = resolve(dir, name)
  const within = relative(dir, path)
  if (within !== '' && !within.startsWith('..') && !isAbsolute(within)) return path
  throw new HeadroomError('RECORD_UNREADABLE', `${file} names ${name}, which is not beside it`)
}

async function readJson(file: string): Promise<unknown> {
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

function parseRecord<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
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

function textOf(record: unknown, secrets: readonly string[]): string {
  assertNoSecrets(record, secrets)
  return readableJson(record)
}

/** Whole or not at all: written aside, made durable, then given its name, which fails if the name is taken. */
async function writeOnce(file: string, text: string): Promise<void> {
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

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false
    throw error
  }
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
