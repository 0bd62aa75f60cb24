import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { EngineContext, StoringKind, RunningEngine } from '../../src/engines/engine.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { saysDiskFull } from '../../src/kit/disk.ts'

/** A disk of its own that can be filled: only root can make one, and not in every sandbox. */
const disk = mkdtempSync(join(tmpdir(), 'headroom-disk-'))
const logs = mkdtempSync(join(tmpdir(), 'headroom-logs-'))
const mounted = mount('150m')
if (!mounted) console.warn('skipped: no tmpfs can be mounted here, so no disk can be filled')
afterAll(() => {
  unmount()
  for (const dir of [disk, logs]) rmSync(dir, { recursive: true, force: true })
})

const signal = new AbortController().signal
const context = (name: string): EngineContext => ({
  dataDir: join(disk, name),
  logDir: logs,
  name,
  runId: 'full',
  signal,
  log: () => undefined,
})

const FILL = {
  postgres: {
    create: 'CREATE TABLE a (x int, t text)',
    insert: `INSERT INTO a SELECT g, repeat('x', 500) FROM generate_series(1, 5000) g`,
  },
  clickhouse: {
    create: 'CREATE TABLE a (x UInt64, s String) ENGINE = MergeTree ORDER BY x',
    insert: 'INSERT INTO a SELECT number, randomString(500) FROM numbers(5000)',
  },
} as const satisfies Record<StoringKind, unknown>

describe.runIf(mounted)('a full disk', () => {
  it.each(['postgres', 'clickhouse'] as const)('under %s is told as such', async (kind) => {
    const engine: RunningEngine = await startEngine(
      kind,
      { provider: 'embedded', settings: {} },
      context(kind),
    )
    await engine.control.execute(FILL[kind].create, signal)
    const filling = (async () => {
      for (let round = 0; round < 400; round++)
        await engine.control.execute(FILL[kind].insert, signal)
    })()
    await expect(filling).rejects.toThrow()
    const sentence = await engine.crashed
    expect(sentence).toContain('disk is full')
    expect(saysDiskFull(sentence)).toBe(true)
    await engine[Symbol.asyncDispose]()
  })

  it('before the first start is told as such, and nothing is left', async () => {
    unmount()
    expect(mount('12m')).toBe(true)
    await expect(
      startEngine('postgres', { provider: 'embedded', settings: {} }, context('tiny')),
    ).rejects.toMatchObject({ code: 'DISK_FULL' })
  })
})

function mount(size: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk], { stdio: 'ignore' })
    chmodSync(disk, 0o755)
    return true
  } catch {
    return false
  }
}

function unmount(): void {
  try {
    execFileSync('umount', [disk], { stdio: 'ignore' })
  } catch {
    // It was never mounted.
  }
}
