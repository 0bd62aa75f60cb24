import { describe, expect, it } from 'vitest'
import type { Part, PartFault } from '../../src/architecture/part.ts'
import { silentLog } from '../../src/kit/log.ts'
import { Fault } from '../../src/scenario/fault.ts'
import type { FaultContext } from '../../src/study/faults.ts'
import { plannedFaults, runFaults } from '../../src/study/faults.ts'

const kill = Fault.parse({ kind: 'kill', part: 'service', atS: 3, lengthS: 2 })
const drawn = Fault.parse({ kind: 'freeze', part: 'service', atS: [3, 9], lengthS: 1 })

describe('moments of faults', () => {
  it('count from the measured phase', () => {
    const [planned] = plannedFaults({ faults: [kill], seed: 1 }, 1, 5)
    expect(planned).toMatchObject({ fromMs: 8_000, toMs: 10_000 })
  })

  it('are drawn between two bounds, the same for the same seed and round, others for another', () => {
    const at = (seed: number, round: number) =>
      plannedFaults({ faults: [drawn, drawn], seed }, round, 0).map(({ fromMs }) => fromMs)
    expect(at(1, 1)).toEqual(at(1, 1))
    const all = [at(1, 1), at(1, 2), at(2, 1)].flat()
    expect(new Set(all).size).toBe(all.length)
    for (const ms of all) {
      expect(ms).toBeGreaterThanOrEqual(3_000)
      expect(ms).toBeLessThan(9_000)
    }
  })
})

describe('faults that are put', () => {
  const told: PartFault[] = []
  const part: Part = {
    name: 'service',
    kind: 'service',
    pids: () => [],
    fault: (fault) => {
      told.push(fault)
      return Promise.resolve()
    },
  }
  const context = (signal: AbortSignal): FaultContext => ({
    parts: [part],
    engines: [],
    epochMs: Date.now(),
    nowMs: () => Date.now(),
    signal,
    hardSignal: new AbortController().signal,
    log: silentLog,
  })
  const soon = (fault: Fault) => ({ fault, fromMs: 10, toMs: 60_000 })

  it('are taken back when the run ends before they do', async () => {
    told.length = 0
    const over = new AbortController()
    const running = runFaults([soon(kill)], context(over.signal))
    await expect.poll(() => told).toEqual(['kill'])
    over.abort()
    const [mark] = await running
    expect(told).toEqual(['kill', 'restart'])
    expect(mark).toMatchObject({ on: 'service', failed: null })
  })

  it('that a run never reached are told as such', async () => {
    told.length = 0
    const late = { fault: kill, fromMs: 60_000, toMs: 61_000 }
    const marks = await runFaults([late], context(AbortSignal.timeout(20)))
    expect(marks).toMatchObject([{ failed: 'the run ended before', begun: false }])
    expect(told).toEqual([])
  })

  it('say what could not be done', async () => {
    const other = Fault.parse({ kind: 'kill', part: 'nobody', atS: 3, lengthS: 1 })
    const [mark] = await runFaults([soon(other)], context(new AbortController().signal))
    expect(mark?.failed).toMatch(/no part nobody/)
  })
})
