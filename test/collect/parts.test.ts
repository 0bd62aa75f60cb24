import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Part } from '../../src/architecture/part.ts'
import { PartCpu, memoryProbe } from '../../src/collect/parts.ts'
import type { ProcessTimes } from '../../src/collect/procfs.ts'
import { livePids } from '../../src/kit/process-table.ts'

function partOf(pids: () => readonly number[], kind: Part['kind'] = 'service'): Part {
  return { name: 'part', kind, pids, fault: () => Promise.resolve() }
}

/** A process tree as the kernel keeps its books: who waits for a child takes over its time. */
class Tree {
  readonly processes = new Map<number, ProcessTimes>()
  spentS = 0
  #start = 0

  start(pid: number, ppid: number): void {
    this.#start += 1
    this.processes.set(pid, { pid, ppid, startTicks: this.#start, ownS: 0, childrenS: 0 })
  }

  work(pid: number, seconds: number): void {
    const times = this.#at(pid)
    this.spentS += seconds
    this.processes.set(pid, { ...times, ownS: times.ownS + seconds })
  }

  /** Ends a process; its children become the root's, as with a subreaper. */
  end(pid: number, waited: boolean): void {
    const { ppid, ownS, childrenS } = this.#at(pid)
    this.processes.delete(pid)
    for (const child of this.processes.values()) {
      if (child.ppid === pid) this.processes.set(child.pid, { ...child, ppid: 1 })
    }
    const parent = this.processes.get(ppid)
    if (waited && parent !== undefined) {
      this.processes.set(ppid, { ...parent, childrenS: parent.childrenS + ownS + childrenS })
    }
  }

  #at(pid: number): ProcessTimes {
    const times = this.processes.get(pid)
    if (times === undefined) throw new Error(`no process ${String(pid)}`)
    return times
  }
}

const step = fc.record({
  what: fc.constantFrom('start', 'work', 'end', 'look'),
  which: fc.nat({ max: 20 }),
  seconds: fc.integer({ min: 1, max: 50 }),
  waited: fc.boolean(),
})

describe('CPU of a part', () => {
  it('is all the time its processes ever used, whoever came, went, was waited for or not', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const tree = new Tree()
        tree.start(1, 0)
        let next = 2
        const cpu = new PartCpu(
          partOf(() => [...tree.processes.keys()]),
          (pid) => tree.processes.get(pid) ?? null,
        )
        let before = cpu.totalS()
        for (const { what, which, seconds, waited } of steps) {
          const pids = [...tree.processes.keys()]
          const pid = pids[which % pids.length] ?? 1
          if (what === 'start') tree.start(next++, pid)
          if (what === 'work') tree.work(pid, seconds)
          // A look right before the end: what happens between the last look and the end nobody can see.
          if (what === 'end' && pid !== 1) {
            cpu.totalS()
            tree.end(pid, waited)
          }
          const now = cpu.totalS()
          expect(now).toBeGreaterThanOrEqual(before)
          before = now
        }
        expect(cpu.totalS()).toBeCloseTo(tree.spentS, 6)
      }),
    )
  })

  it('goes on after all processes were killed and started again', () => {
    const tree = new Tree()
    tree.start(1, 0)
    const cpu = new PartCpu(
      partOf(() => [...tree.processes.keys()]),
      (pid) => tree.processes.get(pid) ?? null,
    )
    tree.work(1, 7)
    expect(cpu.totalS()).toBe(7)
    tree.end(1, false)
    expect(cpu.totalS()).toBe(7)
    tree.start(2, 0)
    tree.work(2, 3)
    expect(cpu.totalS()).toBe(10)
  })

  it('tells a new process from the old one that had its pid', () => {
    const tree = new Tree()
    tree.start(1, 0)
    const cpu = new PartCpu(
      partOf(() => [...tree.processes.keys()]),
      (pid) => tree.processes.get(pid) ?? null,
    )
    tree.work(1, 5)
    cpu.totalS()
    tree.end(1, false)
    tree.start(1, 0)
    tree.work(1, 1)
    expect(cpu.totalS()).toBe(6)
  })

  it('does not count what the harness waited for as its own', () => {
    const cpu = new PartCpu(
      partOf(() => [1], 'harness'),
      () => ({ pid: 1, ppid: 0, startTicks: 1, ownS: 2, childrenS: 500 }),
    )
    expect(cpu.totalS()).toBe(2)
  })
})

/** Burns CPU in generations of children that end, says what each used, then waits to be killed. */
const BUSY_TREE = `
  const { spawn } = require('node:child_process')
  const burn = (ms) => { const end = process.cpuUsage().user + ms * 1000; while (process.cpuUsage().user < end); }
  const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6 }
  if (process.argv[1] === 'leaf') { burn(200); console.log(used()); }
  else {
    let total = 0, left = 3
    const one = () => {
      const child = spawn(process.execPath, ['-e', process.env.BUSY_TREE, 'leaf'], { stdio: ['ignore', 'pipe', 'inherit'] })
      child.stdout.on('data', (text) => { total += Number(text) })
      child.on('close', () => { left -= 1; if (left > 0) one(); else { burn(200); console.log(total + used()); } })
    }
    one()
    setInterval(() => {}, 1000)
  }`

const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

describe.skipIf(process.platform !== 'linux')('on a real /proc', () => {
  it('agrees with the processes’ own account within a tenth, and keeps it when all are killed', async () => {
    const child = spawn(process.execPath, ['-e', BUSY_TREE, 'root'], {
      env: { ...process.env, BUSY_TREE },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    const { pid } = child
    if (pid === undefined) throw new Error('the child did not start')
    const cpu = new PartCpu(partOf(() => livePids(pid)))
    const said: number[] = []
    createInterface(child.stdout).once('line', (line) => {
      said.push(Number(line))
    })
    const totals: number[] = []
    while (said.length === 0) {
      totals.push(cpu.totalS())
      await delay(50)
    }
    const totalS = cpu.totalS()
    const saidS = said[0] ?? NaN
    // Node's own end after it has told its usage is a few milliseconds more.
    expect(totalS / saidS).toBeGreaterThan(0.9)
    expect(totalS / saidS).toBeLessThan(1.1)
    expect(totals).toEqual([...totals].sort((a, b) => a - b))

    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(livePids(pid)).toEqual([])
    expect(cpu.totalS()).toBeGreaterThanOrEqual(totalS)
    expect(cpu.totalS()).toBeLessThan(totalS * 1.1)
  }, 60_000)

  it('measures memory that grows by what was taken', async () => {
    const hoard =
      'const kept = Buffer.alloc(64 * 2 ** 20, 1); console.log(kept.length); setInterval(() => {}, 1000)'
    const child = spawn(process.execPath, ['-e', hoard], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(child.stdout, 'data')
    const said: string[] = []
    const probe = memoryProbe(
      () => [partOf(() => [child.pid ?? 0])],
      (line) => said.push(line),
    )
    const [sample] = await probe.sample(new AbortController().signal)
    expect(sample).toMatchObject({ metric: 'memory.bytes', label: 'part' })
    expect(sample?.value).toBeGreaterThan(64 * 2 ** 20)
    expect(sample?.value).toBeLessThan(300 * 2 ** 20)
    expect(said).toEqual([])
  })

  it('reports no memory for a part that is down', async () => {
    const probe = memoryProbe(
      () => [partOf(() => [])],
      () => undefined,
    )
    expect(await probe.sample(new AbortController().signal)).toEqual([])
  })
})
