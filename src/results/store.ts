/**
 * Records on disk. In: a study's runs, parsed and free of secrets. Out: folders that are written once and read back.
 *
 *     results/2026-11-21T10-22-05-quick/study.json
 *     results/2026-11-21T10-22-05-quick/01-pg-direct-round-1/run.json  series.ndjson  …
 */
import { mkdir, readdir } from 'node:fs/promises'
import { basename, isAbsolute, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { ClaimsRecord } from './claims-record.ts'
import { RunRecord, StudyRecord } from './record.ts'
import { PLAN_FILE, exists, isErrno, parseRecord, readJson, textOf, writeOnce } from './record-files.ts'

const RESULTS_DIR = 'results'
const STUDY_FILE = 'study.json'
const RUN_FILE = 'run.json'
/** What a study.json can hold. */
const AnyStudy = z.discriminatedUnion('kind', [...StudyRecord.options, ClaimsRecord])

export interface StoredStudy {
  /** Absolute folder of the study. */
  readonly dir: string
  readonly study: StudyRecord
  /** In order of execution. */
  readonly runs: readonly StoredRun[]
}

/** A study of claims: it has no runs. */
export interface StoredClaims {
  readonly dir: string
  readonly claims: ClaimsRecord
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
  /** null also where it is a study of claims: it has no runs. */
  readonly study: StudyRecord | null
  readonly question: string | null
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

/** Writes `<studyDir>/study.json` of a study of claims; as `writeRunRecord`. */
export async function writeClaimsRecord(
  studyDir: string,
  claims: ClaimsRecord,
  secrets: readonly string[],
): Promise<void> {
  await writeOnce(join(studyDir, STUDY_FILE), textOf(ClaimsRecord.parse(claims), secrets))
}

/**
 * Reads a study with all its runs.
 * @param which a folder, an id, the beginning of an id that only one study has, or `latest`
 * @throws HeadroomError UNKNOWN_RUN listing what there is; RECORD_UNREADABLE naming the file and what is wrong
 */
export async function readStudy(which: string, baseDir = '.'): Promise<StoredStudy> {
  const stored = await readStored(which, baseDir)
  if ('study' in stored) return stored
  throw new HeadroomError('UNKNOWN_RUN', `${stored.dir} is a study of claims: it has no runs`)
}

/** The same of any kind of study. */
export async function readStored(
  which: string,
  baseDir = '.',
): Promise<StoredStudy | StoredClaims> {
  const dir = await findStudy(which, baseDir)
  const file = join(dir, STUDY_FILE)
  const study = parseRecord(AnyStudy, await readJson(file), file)
  if (study.kind === 'claims') return { dir, claims: study }
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
    return { id, dir, state: 'unfinished', study: null, question: null, because }
  }
  try {
    const any = parseRecord(AnyStudy, await readJson(file), file)
    const study = any.kind === 'claims' ? null : any
    return { id, dir, state: 'whole', study, question: any.question, because: null }
  } catch (error) {
    const because = messageOf(error)
    return { id, dir, state: 'unreadable', study: null, question: null, because }
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
      hint: (await exists(join(only.dir, PLAN_FILE)))
        ? `go on with it: headroom sweep --resume ${only.id}`
        : 'run it again; its logs and partial series are in its folder',
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
