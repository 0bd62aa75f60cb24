import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { DATA_DIR_MARKER, liveDir } from '../../src/kit/guardian.ts'
import type { LiveRecord } from '../../src/kit/guardian.ts'
import { cleanLeftovers } from '../../src/kit/leftovers.ts'
import { compiledEntry } from '../../src/kit/paths.ts'
import { identityOf, isAlive, rowOf } from '../../src/kit/process-table.ts'
import { spawnDaemon } from '../../src/kit/process.ts'

const dir = mkdtempSync(join(tmpdir(), 'headroom-guardian-'))
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

/** A Headroom that starts two daemons (one of which leaves its group) and claims a data folder. */
const parentScript = `
import { openLedger, claimDataDir } from '${pathToFileURL(compiledEntry('src/kit/guardian.ts')).href}'
import { spawnDaemon } from '${pathToFileURL(compiledEntry('src/kit/process.ts')).href}'
openLedger(process.argv[2])
claimDataDir(process.argv[2] + '/data')
const a = await spawnDaemon({ name: 'a', command: 'sleep', args: ['100'], logFile: null })
const b = await spawnDaemon({ name: 'b', command: 'sh', args: ['-c', 'setsid sleep 101 & wait'], logFile: null })
await new Promise((done) => setTimeout(done, 200))
console.log(JSON.stringify([...a.pids(), ...b.pids()]))
setInterval(() => {}, 1000)
`

async function startParent(baseDir: string) {
  const script = join(dir, 'parent.mjs')
  writeFileSync(script, parentScript)
  const parent = spawn(process.execPath, [script, baseDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  return { parent, pids: JSON.parse(line.toString()) as number[] }
}

const alive = (pids: readonly number[]) => pids.filter((pid) => rowOf(pid)?.zombie === false)

it('ends the daemons of a Headroom that was killed, and the next command says so', async () => {
  const baseDir = join(dir, 'killed')
  const { parent, pids } = await startParent(baseDir)
  expect(alive(pids).length).toBe(3)
  parent.kill('SIGKILL')
  await expect.poll(() => alive(pids), { timeout: 10_000 }).toEqual([])
  const file = readdirSync(liveDir(baseDir))[0] ?? ''
  await expect
    .poll(
      () =>
        (JSON.parse(readFileSync(join(liveDir(baseDir), file), 'utf8')) as LiveRecord)
          .endedByGuardian,
    )
    .toEqual(['b', 'a'])
  expect(existsSync(join(baseDir, 'data'))).toBe(true)

  const said: string[] = []
  const cleaned = await cleanLeftovers(baseDir, (line) => said.push(line))
  expect(cleaned.runs).toMatchObject([
    {
      pid: parent.pid,
      ended: [],
      endedByGuardian: ['b', 'a'],
      removedDirs: [join(baseDir, 'data')],
    },
  ])
  expect(said.join('\n')).toContain('its guardian had ended b, a')
  expect(existsSync(join(baseDir, 'data'))).toBe(false)
  expect((await cleanLeftovers(baseDir, () => undefined)).runs).toEqual([])
})

it('leaves a Headroom that still runs alone', async () => {
  const baseDir = join(dir, 'running')
  const { parent, pids } = await startParent(baseDir)
  expect((await cleanLeftovers(baseDir, () => undefined)).runs).toEqual([])
  expect(alive(pids).length).toBe(3)
  parent.kill('SIGKILL')
  await expect.poll(() => alive(pids), { timeout: 10_000 }).toEqual([])
})

it('ends what the guardian could not, but neither a reused pid nor a folder without our mark', async () => {
  const baseDir = join(dir, 'orphans')
  mkdirSync(liveDir(baseDir), { recursive: true })
  const orphan = await spawnDaemon({
    name: 'orphan',
    command: 'sleep',
    args: ['102'],
    logFile: null,
  })
  const bystander = await spawnDaemon({
    name: 'other',
    command: 'sleep',
    args: ['103'],
    logFile: null,
  })
  const orphanIdentity = identityOf(orphan.pid)
  const bystanderIdentity = identityOf(bystander.pid)
  if (orphanIdentity === null || bystanderIdentity === null) throw new Error('no identity')
  const ours = join(dir, 'ours')
  const theirs = join(dir, 'theirs')
  // Its Headroom was killed between making it and marking it.
  const justMade = join(dir, 'just-made')
  for (const made of [ours, theirs, justMade]) mkdirSync(made)
  writeFileSync(join(ours, DATA_DIR_MARKER), '')
  writeFileSync(join(theirs, 'thesis.txt'), '')
  const record: LiveRecord = {
    schema: 1,
    owner: { pid: 2 ** 22 + 5, start: '1@gone', command: 'node headroom' },
    startedAt: '2026-01-01T00:00:00.000Z',
    processes: [
      { name: 'orphan', process: orphanIdentity },
      { name: 'other', process: { ...bystanderIdentity, start: '7@gone' } },
    ],
    dataDirs: [ours, theirs, justMade, join(dir, 'never-made')],
    endedByGuardian: [],
  }
  writeFileSync(join(liveDir(baseDir), 'x.json'), JSON.stringify(record))
  const cleaned = await cleanLeftovers(baseDir, () => undefined)
  expect(cleaned.runs).toMatchObject([{ ended: ['orphan'], removedDirs: [ours, justMade] }])
  expect(isAlive(bystanderIdentity)).toBe(true)
  expect(existsSync(theirs)).toBe(true)
  await orphan.stop()
  await bystander.stop()
})

it('does not choke on a ledger somebody else wrote', async () => {
  const baseDir = join(dir, 'foreign')
  mkdirSync(liveDir(baseDir), { recursive: true })
  writeFileSync(join(liveDir(baseDir), 'y.json'), '{ not json')
  const said: string[] = []
  expect((await cleanLeftovers(baseDir, (line) => said.push(line))).runs).toEqual([])
  expect(said[0]).toContain('y.json')
})
