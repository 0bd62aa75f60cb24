import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SoakSummary } from '../../bench/soak/soak.ts'
import { type Ended, claims, findingsOf, keptOf } from '../../bench/soak/matrices.ts'
import { readSummary, writeSummary } from '../../bench/soak/summary.ts'
import { loadClaims } from '../../src/scenario/load-claims.ts'

const summary = (name: string, passed: boolean): SoakSummary => ({
  schemaVersion: 1,
  name,
  title: `Title of ${name}`,
  plan: 'does something for long',
  startedAt: '2026-11-21T05:00:00.000Z',
  tookS: 90,
  passed,
  headroom: { version: '0.1.0', commit: 'abc' },
  machine: {
    cpu: 'a cpu',
    cores: 2,
    memoryBytes: 1e9,
    os: 'Linux',
    node: 'v20.19.0',
    fsyncP50Us: null,
    fingerprint: '0123456789abcdef',
  },
  load: { before: 0.5, after: 1 },
  criteria: [{ what: 'a | b', limit: '≤ 1', seen: '2\nand more', met: passed }],
  tables: [{ title: 'Figures', columns: ['x'], rows: [['1']] }],
  notes: ['one note'],
  data: { figure: 1 },
})

describe('summaries of soaks', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'headroom-summary-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('keep what a cell holds in its cell, and say which criterion was not met', async () => {
    await writeSummary(dir, summary('one', false))
    const text = await readFile(join(dir, 'one.md'), 'utf8')
    expect(text).toContain('| a \\| b | ≤ 1 | 2 and more | **no** |')
    expect(text).toContain('**Failed.**')
    expect(JSON.parse(await readFile(join(dir, 'one.json'), 'utf8'))).toEqual(summary('one', false))
  })

  it('are all in the index, those of earlier runs too, the newest of each', async () => {
    await writeSummary(dir, summary('one', false))
    await writeSummary(dir, summary('two', true))
    await writeSummary(dir, summary('one', true))
    const index = await readFile(join(dir, 'README.md'), 'utf8')
    expect(index.match(/\[Title of \w+\]\(\w+\.md\)/g)).toEqual([
      '[Title of one](one.md)',
      '[Title of two](two.md)',
    ])
    expect(index).not.toContain('failed')
  })
})

describe('a matrix in several sittings', () => {
  const ended = (command: string, exitCode: number): Ended => ({
    command,
    exitCode,
    startedAt: '2026-11-21T05:00:00.000Z',
    commit: 'abc',
    loadBefore: 0.5,
    tookS: 60,
    verdict: 'one',
  })

  it('keeps what came to its end, a broken SLO too, and runs again what failed', () => {
    const blind = { ...ended('d', 0), verdict: 'One. Not measured at any point: pool wait.' }
    const data = [ended('a', 0), ended('b', 1), ended('c', 99), ended('no longer asked', 0), blind]
    const kept = keptOf({ ...summary('sweeps', false), data }, ['a', 'b', 'c', 'd'])
    expect([...kept.keys()]).toEqual(['a', 'c'])
    expect(keptOf(null, ['a'])).toEqual(new Map())
  })

  it('has failed where a command is missing, broke a promise, or asks for a figure that no point has', () => {
    const unmeasured = 'No difference seen. Not measured at any point: pool wait, refresh (worker).'
    const met = (all: readonly Ended[]): readonly boolean[] =>
      findingsOf(all, 2).criteria.map((criterion) => criterion.met)
    const [a, b] = [ended('a', 0), ended('b', 0)]
    expect(met([a, b])).toEqual([true, true, true])
    expect(met([a])).toEqual([false, true, true])
    expect(met([a, { ...b, exitCode: 71 }])).toEqual([true, false, true])
    const blind = findingsOf([a, { ...b, verdict: unmeasured }], 2)
    expect(blind.criteria.map((criterion) => criterion.met)).toEqual([true, true, false])
    expect(blind.criteria[2]?.seen).toBe(
      'b: Not measured at any point: pool wait, refresh (worker)',
    )
  })

  it('lists what was found at each point behind the commands', () => {
    const points = { title: 'a', columns: ['point'], rows: [['x=1']] }
    const { tables } = findingsOf([{ ...ended('a', 0), points }, ended('b', 0)], 2)
    expect(tables.map(({ title }) => title)).toEqual(['Commands', 'a'])
  })

  it('finds what the same soak left, and nothing where there is no folder', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'headroom-sitting-'))
    await writeSummary(dir, summary('sweeps', false))
    expect(await readSummary(dir, 'sweeps')).toEqual(summary('sweeps', false))
    expect(await readSummary(dir, 'faults')).toBeNull()
    await rm(dir, { recursive: true })
    expect(await readSummary(dir, 'sweeps')).toBeNull()
  })
})

describe('the soak of claims', () => {
  const options = {
    ...{ seconds: 1, events: 1, positions: 1, rounds: 1, seed: 1 },
    ...{ signal: new AbortController().signal, log: () => undefined },
  }

  it('is announced with what its experiments say of themselves at full scale, at most its limit', () => {
    const { experiments } = loadClaims([])
    const saidS = experiments.reduce((sum, { scales }) => sum + scales.full.estimatedS, 0)
    expect(claims.estimateS({ ...options, limitS: 1e6 })).toBe(saidS)
    expect(claims.estimateS({ ...options, limitS: 60 })).toBe(60)
  })
})
