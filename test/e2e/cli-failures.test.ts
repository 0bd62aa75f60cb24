/** What goes wrong with engines, disks and signals, as a user of the command line meets it. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEngine } from '../../src/engines/registry.ts'
import { silentLog } from '../../src/kit/log.ts'
import { headroom, startHeadroom, temporaryFolder } from '../cli/cli-process.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

const smoke = ['run', 'smoke', '--target', 'pg-direct']

describe('an engine that cannot be used', () => {
  it('unreachable: ends with 69 and names the address', async () => {
    const port = await closedPort()
    const env = {
      HEADROOM_POSTGRES_DSN: `postgres://me:pw-of-mine@127.0.0.1:${String(port)}/x?sslmode=disable`,
    }
    const result = await headroom(smoke, { cwd: folder.path, env })
    expect(result.exitCode).toBe(69)
    expect(result.stderr).toContain(`127.0.0.1:${String(port)}`)
    expectNothingLeft(['pw-of-mine'])
  })

  it('wrong password: ends with 69, and the password is written nowhere', async () => {
    const dataDir = join(folder.path, 'engine')
    const engine = await startEngine(
      'postgres',
      { provider: 'embedded', settings: {} },
      {
        dataDir,
        logDir: folder.path,
        name: 'postgres',
        runId: 'cli-failures',
        signal: new AbortController().signal,
        log: silentLog,
      },
    )
    const { host, port, user } = engine.addressFor('harness')
    const env = {
      HEADROOM_POSTGRES_DSN: `postgres://${user}:wrong-Pa55word@${host}:${String(port)}/postgres?sslmode=disable`,
    }
    const result = await headroom(smoke, { cwd: folder.path, env }).finally(() =>
      engine[Symbol.asyncDispose](),
    )
    expect(result.exitCode).toBe(69)
    expect(result.stderr).toMatch(/refuses this user and password/)
    expectNothingLeft(['wrong-Pa55word'])
  })

  it('port taken: ends with 69 and names the port', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    writeFileSync(
      join(folder.path, 'target.yaml'),
      `kind: architecture\nname: taken\narchitecture: pg-direct\nengines: { database: { settings: { port: ${String(port)} } } }\n`,
    )
    const result = await headroom(['run', 'smoke', '--target', './target.yaml'], {
      cwd: folder.path,
    })
    server.close()
    expect(result.exitCode).toBe(69)
    expect(result.stderr).toContain(String(port))
    expectNothingLeft()
  })
})

describe('a disk that cannot be used', () => {
  it('too small: ends with 74 before anything starts', async () => {
    const result = await headroom([...smoke, '--initial-rows', '2000000000'], { cwd: folder.path })
    expect(result.exitCode).toBe(74)
    expect(result.stderr).toMatch(/needs about .* has .* free/)
    expect(existsSync(join(folder.path, 'results'))).toBe(false)
  })

  it('no folder: ends with 64 and says why', async () => {
    writeFileSync(join(folder.path, 'file'), '')
    const result = await headroom([...smoke, '--out', './file/deep'], { cwd: folder.path })
    expect(result.exitCode).toBe(64)
    expect(result.stderr).toMatch(/--out .*file/)
  })
})

describe('a run that ends early', () => {
  it('Ctrl-C: ends with 130, keeps what was measured and draws a partial report', async () => {
    const result = await headroom(smoke, {
      cwd: folder.path,
      interruptWhen: (stderr) => (stderr.includes('events/s, p99') ? 'SIGINT' : null),
    })
    expect(result.exitCode).toBe(130)
    expect(result.stderr).toContain('SIGINT: stopping engines')
    const [id = ''] = readdirSync(join(folder.path, 'results'))
    const study = JSON.parse(
      readFileSync(join(folder.path, 'results', id, 'study.json'), 'utf8'),
    ) as {
      cutShort: string | null
    }
    expect(study.cutShort).toContain('SIGINT')
    expect(statSync(join(folder.path, 'reports', id, 'index.html')).size).toBeGreaterThan(10_000)
    expectNothingLeft()
  })

  it('Ctrl-C twice: ends at once with 130, and nothing goes on running', async () => {
    const run = startHeadroom(smoke, { cwd: folder.path })
    await run.said(/events\/s, p99/)
    run.child.kill('SIGINT')
    await run.said(/once more ends everything/)
    run.child.kill('SIGINT')
    expect((await run.ended).exitCode).toBe(130)
    await allGone()
  })

  it.each([
    ['postgres', /bin\/postgres /, 'engine-crash'],
    ['service', /reference-impl\/pg-direct\/service\.js/, 'service-crash'],
  ])('a crashed %s: keeps what was measured and says who died', async (_part, command, by) => {
    const run = startHeadroom(smoke, { cwd: folder.path })
    await run.said(/events\/s, p99/)
    process.kill(pidOf(run.child.pid ?? 0, command), 'SIGKILL')
    const result = await run.ended
    expect(result.exitCode).toBe(69)
    const [id = ''] = readdirSync(join(folder.path, 'results'))
    const study = join(folder.path, 'results', id)
    const [runFolder = ''] = readdirSync(study).filter((name) => name.startsWith('01-'))
    const record = JSON.parse(readFileSync(join(study, runFolder, 'run.json'), 'utf8')) as {
      outcome: { state: string; by?: string; message?: string; measured?: object | null }
    }
    expect(record.outcome).toMatchObject({ state: 'aborted', by })
    expect(record.outcome.measured).not.toBeNull()
    expect(result.stderr).toContain(record.outcome.message ?? 'a message')
    expect(statSync(join(folder.path, 'reports', id, 'index.html')).size).toBeGreaterThan(10_000)
    expectNothingLeft()
  })

  it('SIGKILL: its children die with it, and the next command says what it cleaned up', async () => {
    const run = startHeadroom(smoke, { cwd: folder.path })
    await run.said(/events\/s, p99/)
    run.child.kill('SIGKILL')
    await run.ended
    await allGone()

    const cleaned = await headroom(['clean', '--json'], { cwd: folder.path })
    expect(cleaned.exitCode).toBe(0)
    const { runs } = JSON.parse(cleaned.stdout) as { runs: { removedDirs: string[] }[] }
    expect(runs).toHaveLength(1)
    expect(runs[0]?.removedDirs.length).toBeGreaterThan(0)
    expect(cleaned.stderr).not.toBe('')
    expectNothingLeft()

    const again = await headroom(['clean'], { cwd: folder.path })
    expect(again.stdout).toMatch(/^nothing was left behind below .*\.headroom; .*--out/)
  })
})

describe('a run that is right', () => {
  it('ends with 0, prints only JSON with --json, and its report is redrawn byte for byte', async () => {
    const run = await headroom([...smoke, '--json'], { cwd: folder.path })
    const summary = JSON.parse(run.stdout) as {
      study: string
      report: string
      exitCode: number
      runs: { state: string }[]
    }
    expect(run.stderr).toContain('[1/1] pg-direct round 1')
    expect(summary.runs.map(({ state }) => state)).toEqual(['completed'])
    expect(run.exitCode).toBe(summary.exitCode)

    const files = contentsOf(join(folder.path, 'reports', summary.study))
    expect([...files.keys()]).toEqual(
      expect.arrayContaining(['index.html', 'report.md', 'junit.xml']),
    )
    const redrawn = await headroom(['report', summary.study], { cwd: folder.path })
    expect(redrawn.exitCode).toBe(0)
    expect(contentsOf(join(folder.path, 'reports', summary.study))).toEqual(files)
    expectNothingLeft()
  })
})

/** No process, no engine data, no list of what runs; and no secret in any file. */
function expectNothingLeft(secrets: readonly string[] = []): void {
  expect(processesIn(folder.path)).toBe('')
  const work = join(folder.path, '.headroom')
  expect(existsSync(work) ? [...contentsOf(work).keys()] : []).toEqual([])
  const text = [...contentsOf(folder.path).values()].join('\n')
  for (const secret of secrets) expect(text).not.toContain(secret)
}

function contentsOf(dir: string): ReadonlyMap<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort()
  return new Map(
    paths.map((path) => [path.slice(dir.length + 1), readFileSync(path).toString('latin1')]),
  )
}

/** Command lines that mention the folder: engines are started with their data folder. */
function processesIn(dir: string): string {
  const all = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
  return all
    .split('\n')
    .filter((line) => line.includes(dir))
    .join('\n')
}

/** The guardian needs a moment. */
async function allGone(): Promise<void> {
  for (let waitedMs = 0; processesIn(folder.path) !== '' && waitedMs < 15_000; waitedMs += 250) {
    await delay(250)
  }
  expect(processesIn(folder.path)).toBe('')
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The child of this Headroom whose command line matches. */
function pidOf(parent: number, command: RegExp): number {
  const all = execFileSync('ps', ['-eo', 'pid,ppid,args'], { encoding: 'utf8' }).split('\n')
  const line = all.find((row) => row.trim().split(/\s+/)[1] === String(parent) && command.test(row))
  if (line === undefined)
    throw new Error(`no child of ${String(parent)} matches ${String(command)}`)
  return Number(line.trim().split(/\s+/)[0])
}
