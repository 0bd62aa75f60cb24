import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { spawnDaemon, waitUntilReady } from '../../src/kit/process.ts'
import { identityOf, isAlive, livePids, rowOf, treeOf } from '../../src/kit/process-table.ts'
import { killTree, signalTree } from '../../src/kit/process-kill.ts'
import { pythonIsMissing, pythonNote } from '../fixtures/python.ts'

const dir = mkdtempSync(join(tmpdir(), 'headroom-process-'))
afterAll(() => {
  rmSync(dir, { recursive: true, force: true })
})

const never = new AbortController().signal
const shell = (name: string, script: string, more: object = {}) =>
  spawnDaemon({
    name,
    command: '/bin/sh',
    args: ['-c', script],
    logFile: join(dir, `${name}.log`),
    ...more,
  })

it('stops a daemon that listens to SIGTERM with its own exit code', async () => {
  const daemon = await shell('polite', 'trap "exit 7" TERM; echo up; while :; do sleep 0.05; done')
  await waitUntilReady(daemon, () => Promise.resolve(daemon.logTail().includes('up')), {
    timeoutMs: 5_000,
    signal: never,
  })
  await daemon.stop()
  expect(daemon.exit()).toEqual({ how: 'code', code: 7 })
})

it('kills a daemon that ignores SIGTERM, with every descendant, after its grace', async () => {
  const daemon = await shell(
    'stubborn',
    'trap "" TERM; sleep 60 & setsid sleep 60 & echo up; wait',
    {
      graceMs: 100,
    },
  )
  await waitUntilReady(daemon, () => Promise.resolve(daemon.pids().length >= 3), {
    timeoutMs: 5_000,
    signal: never,
  })
  const pids = treeOf(daemon.pid).map((row) => row.pid)
  expect(pids.length).toBeGreaterThanOrEqual(3)
  await daemon.stop()
  expect(pids.filter((pid) => rowOf(pid)?.zombie === false)).toEqual([])
})

it('stops a frozen daemon cleanly', async () => {
  const daemon = await shell('frozen', 'trap "exit 0" TERM; echo up; while :; do :; done')
  await waitUntilReady(daemon, () => Promise.resolve(daemon.logTail().includes('up')), {
    timeoutMs: 5_000,
    signal: never,
  })
  daemon.freeze()
  await expect
    .poll(() => readFileSync(`/proc/${String(daemon.pid)}/stat`, 'utf8'))
    .toContain(') T ')
  await daemon.stop()
  expect(daemon.exit()).toEqual({ how: 'code', code: 0 })
})

it('freezes a process that was noted down before its command line could be read', async () => {
  const daemon = await shell('loading', 'exec sleep 60')
  const identity = identityOf(daemon.pid)
  if (identity === null) throw new Error('no identity')
  signalTree({ ...identity, command: '' }, 'SIGSTOP')
  await expect
    .poll(() => readFileSync(`/proc/${String(daemon.pid)}/stat`, 'utf8'))
    .toContain(') T ')
  await daemon.kill()
})

it('quotes the log of a daemon that ends instead of becoming ready', async () => {
  const daemon = await shell('broken', 'echo "no such option"; exit 3')
  const failure = await waitUntilReady(daemon, () => Promise.resolve(false), {
    timeoutMs: 5_000,
    signal: never,
  }).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'ENGINE_NOT_READY', hint: 'no such option' })
  expect(String(failure)).toContain('exit code 3')
  await daemon.stop()
})

it('says which daemon a missing program belongs to', async () => {
  await expect(
    spawnDaemon({ name: 'ghost', command: join(dir, 'nothing'), args: [], logFile: null }),
  ).rejects.toMatchObject({ code: 'ENGINE_MISSING' })
})

it('never touches a process whose pid was reused', async () => {
  const daemon = await shell('innocent', 'exec sleep 60')
  const identity = identityOf(daemon.pid)
  if (identity === null) throw new Error('no identity')
  expect(isAlive({ ...identity, start: '1@other' })).toBe(false)
  expect(isAlive({ ...identity, command: 'postgres -D /elsewhere' })).toBe(false)
  expect(isAlive({ ...identity, command: '' })).toBe(true)
  expect(isAlive({ ...identity, start: '1@other', command: '' })).toBe(false)
  expect(await killTree({ ...identity, start: '1@other' })).toEqual([])
  expect(isAlive(identity)).toBe(true)
  await daemon.kill()
  expect(daemon.exit()).toEqual({ how: 'signal', signal: 'SIGKILL' })
})

it('stops waiting when the signal aborts', async () => {
  const daemon = await shell('slow', 'exec sleep 60')
  const abort = new AbortController()
  setTimeout(() => {
    abort.abort(new Error('interrupted'))
  }, 50)
  await expect(
    waitUntilReady(daemon, () => Promise.resolve(false), {
      timeoutMs: 60_000,
      signal: abort.signal,
    }),
  ).rejects.toThrow('interrupted')
  await daemon.stop()
})

const FORKS_IN_A_THREAD = `
import subprocess, threading, time
child = []
def fork_and_stay():
    child.append(subprocess.Popen(['sleep', '60']))
    time.sleep(60)
threading.Thread(target=fork_and_stay, daemon=True).start()
while not child: time.sleep(0.01)
print('child', child[0].pid, flush=True)
time.sleep(60)
`

it.skipIf(pythonIsMissing)(
  `finds the children of every thread, not of the main one alone${pythonNote}`,
  async () => {
    const file = join(dir, 'threads.py')
    writeFileSync(file, FORKS_IN_A_THREAD)
    const daemon = await shell('threads', `exec python3 ${file}`, { graceMs: 100 })
    try {
      await waitUntilReady(
        daemon,
        () => Promise.resolve(/child \d+/.test(daemon.logTail().join())),
        {
          timeoutMs: 10_000,
          signal: never,
        },
      )
      const child = Number(/child (\d+)/.exec(daemon.logTail().join())?.[1])
      expect(livePids(daemon.pid)).toContain(child)
      expect(daemon.pids()).toContain(child)
    } finally {
      await daemon.stop()
    }
  },
)
