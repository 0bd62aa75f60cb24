/** `headroom claims` as a user types it: verdicts, the report drawn again, an interruption, a kill, a server of one's own. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClaimsRecord } from '../../src/results/claims-record.ts'
import { headroom, startHeadroom, temporaryFolder } from '../cli/cli-process.ts'
import { startOwnPostgres } from '../fixtures/own-postgres.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

interface Told {
  readonly exitCode: number
  readonly claims: readonly {
    readonly id: string
    readonly verdict: string
    readonly because: string
  }[]
}

const verdictsOf = (stdout: string): Readonly<Record<string, string>> =>
  Object.fromEntries((JSON.parse(stdout) as Told).claims.map(({ id, verdict }) => [id, verdict]))

function studyDir(): string {
  const results = join(folder.path, 'results')
  const [id] = readdirSync(results)
  return join(results, id ?? '')
}

function recordOf(): ClaimsRecord {
  return JSON.parse(readFileSync(join(studyDir(), 'study.json'), 'utf8')) as ClaimsRecord
}

describe('headroom claims', () => {
  it('measures what was asked for, refutes what is wrong, and draws the same report again', async () => {
    // A claim that is wrong on purpose must come out refuted, and that is no failure.
    writeFileSync(
      join(folder.path, 'wrong.yaml'),
      [
        'id: N1',
        'title: a B-tree writes nothing',
        'source: { document: nowhere, file: none, quote: a B-tree is free }',
        'conditions: made up',
        'experiment: index-cost',
        'measures:',
        '  - says: WAL with a B-tree over none',
        '    value: btree.load.walBytes / none.load.walBytes',
        "    unit: '×'",
        '    kind: counter',
        '    documented: { atMost: 1 }',
      ].join('\n'),
    )
    const args = ['claims', 'G2', 'G29', 'wrong.yaml', '--scale', 'tiny', '--json']
    const result = await headroom(args, { cwd: folder.path })
    expect(result.stderr).toContain('2 experiments, about')
    expect(result.exitCode).toBe(0)
    expect(verdictsOf(result.stdout)).toEqual({ G2: 'refuted', G29: 'refuted', N1: 'refuted' })
    expect(readdirSync(join(studyDir(), 'experiments')).sort()).toEqual([
      'hot-attributes.json',
      'index-cost.json',
    ])
    const [reportDir] = readdirSync(join(folder.path, 'reports'))
    const page = join(folder.path, 'reports', reportDir ?? '', 'index.html')
    const before = readFileSync(page, 'utf8')
    const again = await headroom(['report', '--json'], { cwd: folder.path })
    expect(again.exitCode).toBe(0)
    expect(verdictsOf(again.stdout)).toEqual(verdictsOf(result.stdout))
    expect(readFileSync(page, 'utf8')).toBe(before)
    const listed = await headroom(['list', 'runs'], { cwd: folder.path })
    expect(listed.stdout).toContain('What of 3 documented claims holds on this machine?')
    expect(readdirSync(join(folder.path, '.headroom', 'data'))).toEqual([])
  })

  it('lists what is claimed and how long it takes, and starts nothing', async () => {
    const result = await headroom(['claims', '--list'], { cwd: folder.path })
    expect(result.exitCode).toBe(0)
    expect(result.stdout).toContain('18 claims by 13 experiments, about')
    expect(existsSync(join(folder.path, 'results'))).toBe(false)
  })

  it('interrupted: ends with 130 and keeps the experiments and arms that were done', async () => {
    const result = await headroom(['claims', 'G29', 'G2', '--scale', 'tiny'], {
      cwd: folder.path,
      interruptWhen: (stderr) => (stderr.includes('round 1 brin') ? 'SIGINT' : null),
    })
    expect(result.exitCode).toBe(130)
    const record = recordOf()
    expect(record.cutShort).toContain('SIGINT')
    expect(record.experiments.map(({ experiment }) => experiment.name)).toEqual([
      'hot-attributes',
      'index-cost',
    ])
    expect(record.experiments[1]?.arms.map(({ arm }) => arm)).toContain('none')
    expect(result.stdout).toMatch(/G29\s+refuted/)
  })

  it('killed: goes on behind the experiments that were written', async () => {
    const killed = startHeadroom(['claims', 'G29', 'G30', '--scale', 'tiny'], { cwd: folder.path })
    await killed.said(/\[2\/2\] hot-updates/)
    killed.child.kill('SIGKILL')
    await killed.ended
    expect(existsSync(join(studyDir(), 'study.json'))).toBe(false)
    const otherwise = ['claims', 'G29', '--scale', 'small', '--resume', studyDir()]
    const refused = await headroom(otherwise, { cwd: folder.path })
    expect(refused.exitCode).toBe(64)
    expect(refused.stderr).toContain('was tiny, and is small')
    expect(refused.stderr).toContain('experiment hot-updates')
    const args = ['claims', 'G29', 'G30', '--scale', 'tiny', '--resume', studyDir(), '--json']
    const result = await headroom(args, { cwd: folder.path })
    expect(result.stderr).toContain('hot-attributes: kept from before')
    expect(result.stderr).not.toContain('] hot-attributes')
    expect(result.exitCode).toBe(0)
    expect(verdictsOf(result.stdout)).toEqual({ G29: 'refuted', G30: 'qualified' })
    const twice = await headroom(args, { cwd: folder.path })
    expect(twice.exitCode).toBe(64)
    expect(twice.stderr).toContain('was written to its end')
  })

  it('on a server of one’s own: kills and changes nothing, says so, and leaves nothing', async () => {
    const server = await startOwnPostgres()
    try {
      await server.sql(`CREATE ROLE maker LOGIN CREATEDB PASSWORD 'maker-only'`)
      const before = await server.sql('SELECT datname FROM pg_database ORDER BY 1')
      const env = {
        HEADROOM_POSTGRES_DSN: server.dsn({
          role: 'maker',
          password: 'maker-only',
          database: 'postgres',
        }),
      }
      const args = ['claims', 'G2', 'G22', 'G29', '--scale', 'tiny', '--json']
      const result = await headroom(args, { cwd: folder.path, env })
      expect(result.stderr).not.toContain('maker-only')
      expect(verdictsOf(result.stdout)).toEqual({
        G2: 'refuted',
        G22: 'not measured',
        G29: 'refuted',
      })
      expect(result.stdout).toContain('settings of your own server are not changed')
      expect(result.exitCode).toBe(0)
      expect(await server.sql('SELECT datname FROM pg_database ORDER BY 1')).toEqual(before)
    } finally {
      await server[Symbol.asyncDispose]()
    }
  })
})
