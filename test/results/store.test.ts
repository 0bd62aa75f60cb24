import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HeadroomError } from '../../src/kit/errors.ts'
import {
  createStudyDir,
  listStudies,
  readStudy,
  writeRunRecord,
  writeStudyRecord,
} from '../../src/results/store.ts'
import { studyFixture } from '../fixtures/study.ts'

const BEGAN = new Date(Date.UTC(2026, 10, 21, 10, 22, 5))
let base = ''

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'headroom-results-'))
})
afterEach(async () => {
  await rm(base, { recursive: true, force: true })
})

async function writtenStudy(name = 'quick', began = BEGAN): Promise<string> {
  const fixture = studyFixture({ targets: ['pg-direct'], rounds: 2 })
  const dir = await createStudyDir(base, name, began)
  const folders = fixture.runs.map((run) => `round-${String(run.round)}`)
  for (const [at, run] of fixture.runs.entries()) {
    await writeRunRecord(join(dir, folders[at] ?? ''), run)
  }
  await writeStudyRecord(dir, { ...fixture.study, id: dir.split('/').at(-1) ?? '', runs: folders })
  return dir
}

async function failureOf(promise: Promise<unknown>): Promise<HeadroomError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof HeadroomError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe('createStudyDir', () => {
  it('names the folder by second and study, and never gives one folder twice', async () => {
    const first = await createStudyDir(base, 'quick', BEGAN)
    const second = await createStudyDir(base, 'quick', BEGAN)
    expect(first).toBe(join(base, 'results', '2026-11-21T10-22-05-quick'))
    expect(second).toBe(`${first}-2`)
  })

  it('gives different folders to studies that begin at the same moment', async () => {
    const dirs = await Promise.all(
      Array.from({ length: 8 }, () => createStudyDir(base, 'quick', BEGAN)),
    )
    expect(new Set(dirs).size).toBe(8)
  })
})

describe('records', () => {
  it('are read back as they were written', async () => {
    const fixture = studyFixture({ targets: ['pg-direct'], rounds: 2 })
    const dir = await writtenStudy()
    const { study, runs } = await readStudy(dir)
    expect(study.profile).toEqual(fixture.study.profile)
    expect(runs.map((run) => run.record)).toEqual(fixture.runs)
    expect(runs[0]?.seriesFile).toBe(join(dir, 'round-1', 'series.ndjson'))
  })

  it('are the same bytes for the same record, whatever the order of its keys', async () => {
    const [run] = studyFixture({ targets: ['pg-direct'], rounds: 1 }).runs
    if (run === undefined) throw new Error('the fixture has a run')
    const one = await writeRunRecord(join(base, 'one'), run)
    const backwards = Object.fromEntries(Object.entries(run).reverse()) as unknown as typeof run
    const two = await writeRunRecord(join(base, 'two'), backwards)
    expect(await readFile(two)).toEqual(await readFile(one))
  })

  it('are written once: a second attempt fails and leaves the first as it was', async () => {
    const [run, other] = studyFixture({ targets: ['pg-direct'], rounds: 2 }).runs
    if (run === undefined || other === undefined) throw new Error('the fixture has runs')
    const file = await writeRunRecord(join(base, 'run'), run)
    const before = await readFile(file)
    await expect(writeRunRecord(join(base, 'run'), other)).rejects.toThrow('never edited')
    expect(await readFile(file)).toEqual(before)
    expect(await readdir(join(base, 'run'))).toEqual(['run.json'])
  })

  it('are refused when they hold a secret, and nothing is left behind', async () => {
    const [run] = studyFixture({ targets: ['pg-direct'], rounds: 1 }).runs
    if (run === undefined) throw new Error('the fixture has a run')
    const leaking = { ...run, target: { ...run.target, description: 'with hunter2-secret' } }
    await expect(writeRunRecord(join(base, 'run'), leaking, ['hunter2-secret'])).rejects.toThrow(
      'target.description',
    )
    expect(await readdir(base)).toEqual([])
  })

  it('are refused when a figure is not a number', async () => {
    const [run] = studyFixture({ targets: ['pg-direct'], rounds: 1 }).runs
    if (run === undefined) throw new Error('the fixture has a run')
    await expect(writeRunRecord(base, { ...run, epochMs: Number.NaN })).rejects.toThrow('epochMs')
  })
})

describe('readStudy', () => {
  it('finds a study by folder, id, beginning of an id and as the latest', async () => {
    await writtenStudy('older', new Date(BEGAN.getTime() - 60_000))
    const dir = await writtenStudy()
    for (const which of [dir, '2026-11-21T10-22-05-quick', '2026-11-21T10-22', 'latest']) {
      expect((await readStudy(which, base)).dir).toBe(dir)
    }
  })

  it('says what there is when there is no such run', async () => {
    await writtenStudy()
    const error = await failureOf(readStudy('2020-01-01', base))
    expect(error.code).toBe('UNKNOWN_RUN')
    expect(error.hint).toContain('2026-11-21T10-22-05-quick')
  })

  it('says how to make a result when there is none', async () => {
    const error = await failureOf(readStudy('latest', base))
    expect(error.code).toBe('UNKNOWN_RUN')
    expect(error.hint).toContain('headroom run')
  })

  it('does not choose among several that begin alike', async () => {
    await writtenStudy('a')
    await writtenStudy('b')
    const error = await failureOf(readStudy('2026', base))
    expect(error.message).toContain('several')
  })

  it('names the file and the field of a record that is not one', async () => {
    const dir = await writtenStudy()
    const file = join(dir, 'round-1', 'run.json')
    await writeFile(file, (await readFile(file, 'utf8')).replace('"round": 1', '"round": "one"'))
    const error = await failureOf(readStudy(dir))
    expect(error.code).toBe('RECORD_UNREADABLE')
    expect(error.message).toContain(file)
    expect(error.problems.map((problem) => problem.path)).toContain('round')
  })

  it('names the file that is missing, cut short or not JSON', async () => {
    const dir = await writtenStudy()
    const file = join(dir, 'round-2', 'run.json')
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, 500))
    expect((await failureOf(readStudy(dir))).message).toContain(`${file} is not JSON`)
    await rm(file)
    expect((await failureOf(readStudy(dir))).message).toContain('it does not exist')
  })

  it('asks for a newer Headroom where the record is newer', async () => {
    const dir = await writtenStudy()
    const file = join(dir, 'study.json')
    await writeFile(file, (await readFile(file, 'utf8')).replace('"schema": 1', '"schema": 2'))
    const error = await failureOf(readStudy(dir))
    expect(error.message).toContain('record schema 2')
    expect(error.hint).toContain('newer Headroom')
  })

  it('does not follow a record out of its folder', async () => {
    const dir = await writtenStudy()
    const file = join(dir, 'study.json')
    await writeFile(file, (await readFile(file, 'utf8')).replace('"round-1"', '"../../../etc"'))
    expect((await failureOf(readStudy(dir))).message).toContain('not beside it')
  })
})

describe('listStudies', () => {
  it('lists whole, unfinished and unreadable studies, oldest first', async () => {
    const whole = await writtenStudy()
    const killed = await createStudyDir(base, 'killed', new Date(BEGAN.getTime() + 1_000))
    const broken = await createStudyDir(base, 'broken', new Date(BEGAN.getTime() + 2_000))
    await writeFile(join(broken, 'study.json'), '{}')
    await mkdir(join(base, 'results', 'baselines'))
    const entries = await listStudies(base)
    expect(entries.map(({ dir, state }) => [dir, state])).toEqual([
      [whole, 'whole'],
      [killed, 'unfinished'],
      [broken, 'unreadable'],
    ])
  })

  it('is empty where nothing ever ran', async () => {
    expect(await listStudies(join(base, 'nowhere'))).toEqual([])
  })
})
