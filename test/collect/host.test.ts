import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Part } from '../../src/architecture/part.ts'
import { hostProbe, machineSamples } from '../../src/collect/host.ts'
import type { HostReading } from '../../src/collect/host.ts'
import { describeMachine, machine, parseCpuMax } from '../../src/collect/machine.ts'
import { metricKey } from '../../src/collect/metrics.ts'
import type { Sample } from '../../src/collect/probe.ts'
import { Machine } from '../../src/results/record.ts'

const NEVER = new AbortController().signal

function byKey(samples: readonly Sample[]): Record<string, number> {
  return Object.fromEntries(
    samples.map(({ metric, label, value }) => [metricKey(metric, label), value]),
  )
}

function reading(atMs: number, change: Partial<HostReading['machine']>, ownS: number): HostReading {
  return {
    atMs,
    machine: { processS: 0, interruptS: 0, idleS: 0, iowaitS: 0, stealS: 0, cores: 4, ...change },
    ownS,
    cpuPressureUs: atMs * 250,
    ioPressureUs: null,
  }
}

describe('the machine between two looks', () => {
  it('takes our own CPU from what was busy: the rest is foreign', () => {
    const samples = byKey(
      machineSamples(
        reading(0, {}, 10),
        reading(2_000, { processS: 5, idleS: 1.5, iowaitS: 0.5, stealS: 0.8 }, 13),
      ),
    )
    expect(samples).toEqual({
      'machine.foreignCores': 1,
      'machine.stealRatio': 0.1,
      'machine.idleCores': 1,
      'machine.iowaitCores': 0.25,
      'machine.cpuPressureRatio': 0.25,
    })
  })

  it('is never less than nothing where the kernel’s books differ by a tick', () => {
    const samples = byKey(
      machineSamples(reading(0, {}, 10), reading(1_000, { processS: 0.5 }, 10.6)),
    )
    expect(samples['machine.foreignCores']).toBe(0)
  })

  it('is unknown without time between the looks', () => {
    expect(machineSamples(reading(5, {}, 0), reading(5, {}, 0))).toEqual([])
  })
})

describe.skipIf(process.platform !== 'linux')('the host probe', () => {
  it('counts a busy process as foreign, and as ours once it is a part', async () => {
    const burner = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
    try {
      await once(burner, 'spawn')
      await delay(300)
      const part: Part = {
        name: 'burner',
        kind: 'service',
        pids: () => [burner.pid ?? 0],
        fault: () => Promise.resolve(),
      }
      const options = { dataDir: tmpdir(), intervalMs: 500, log: () => undefined }
      const strange = hostProbe({ ...options, parts: () => [] })
      const ours = hostProbe({ ...options, parts: () => [part] })
      await strange.sample(NEVER)
      const first = byKey(await ours.sample(NEVER))
      await delay(1_500)
      const before = byKey(await strange.sample(NEVER))
      const after = byKey(await ours.sample(NEVER))
      const used = (after['cpu.seconds{burner}'] ?? 0) - (first['cpu.seconds{burner}'] ?? 0)
      const usedCores = used / 1.5
      // Others may be busy as well, in both; what differs is the burner.
      const difference =
        (before['machine.foreignCores'] ?? 0) - (after['machine.foreignCores'] ?? 0)
      expect(usedCores).toBeGreaterThan(0.1)
      expect(difference / usedCores).toBeGreaterThan(0.7)
      expect(difference / usedCores).toBeLessThan(1.3)
    } finally {
      burner.kill('SIGKILL')
      await once(burner, 'exit')
    }
  })

  it('says nothing of a part until a process of it can be read: unknown is not 0', async () => {
    let pids: readonly number[] = []
    const part: Part = {
      name: 'veiled',
      kind: 'service',
      pids: () => pids,
      fault: () => Promise.resolve(),
    }
    const probe = hostProbe({
      parts: () => [part],
      dataDir: tmpdir(),
      intervalMs: 500,
      log: () => undefined,
    })
    expect(byKey(await probe.sample(NEVER))).not.toHaveProperty('cpu.seconds{veiled}')
    pids = [2 ** 22 + 1]
    expect(byKey(await probe.sample(NEVER))).not.toHaveProperty('cpu.seconds{veiled}')
    pids = [process.pid]
    expect(byKey(await probe.sample(NEVER))['cpu.seconds{veiled}']).toBeGreaterThan(0)
    // Once seen it keeps its account, down or not.
    pids = []
    expect(byKey(await probe.sample(NEVER))['cpu.seconds{veiled}']).toBeGreaterThan(0)
  })

  it('says when the data folder is on no disk whose writes could be counted', async () => {
    const said: string[] = []
    const probe = hostProbe({
      parts: () => [],
      dataDir: '/proc',
      intervalMs: 500,
      log: (line) => said.push(line),
    })
    expect(byKey(await probe.sample(NEVER))).not.toHaveProperty('disk.writeBytes')
    expect(said[0]).toContain('disk writes are not measured')
  })

  it('counts no writes of a disk that does not hold the data', async () => {
    const said: string[] = []
    const log = (line: string) => said.push(line)
    const probe = hostProbe({ parts: () => [], dataDir: null, intervalMs: 500, log })
    expect(byKey(await probe.sample(NEVER))).not.toHaveProperty('disk.writeBytes')
    expect(said[0]).toContain('not seen from here')
    expect((await machine(null, log)).fsyncP50Us).toBeNull()
  })
})

describe('the machine of a record', () => {
  it('is what the record takes, with the fsync latency of the data folder', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'headroom-machine-'))
    try {
      const found = Machine.parse(await machine(dir, () => undefined))
      expect(found.fsyncP50Us).toBeGreaterThan(0)
      expect(found.cores).toBeGreaterThan(0)
      expect(found.dataDiskFreeBytes).toBeGreaterThan(0)
      expect(found.memoryBytes).toBeGreaterThan(2 ** 27)
    } finally {
      await rm(dir, { recursive: true })
    }
  })

  it('has one fingerprint, however fast the disk was just now', () => {
    expect(describeMachine(20).fingerprint).toBe(describeMachine(900).fingerprint)
  })

  it('knows the CPU quota of a container', () => {
    expect(parseCpuMax('150000 100000\n')).toBe(1.5)
    expect(parseCpuMax('max 100000\n')).toBeNull()
    expect(parseCpuMax('')).toBeNull()
  })

  it('says so when the disk cannot be measured', async () => {
    const said: string[] = []
    const found = await machine('/nowhere/at/all', (line) => said.push(line))
    expect(found.fsyncP50Us).toBeNull()
    expect(said[0]).toContain('/nowhere/at/all')
  })
})
