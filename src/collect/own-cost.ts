/** The harness as one of its own subjects. In: a clock. Out: a probe of the CPU that measuring costs. */
import type { Clock } from '../kit/clock.ts'
import type { Probe } from './probe.ts'

const INTERVAL_MS = 1_000

/** What measuring costs: CPU of this very process. */
export function ownCostProbe(clock: Clock): Probe {
  let before: { readonly atMs: number; readonly cpuUs: number } | null = null
  return {
    name: 'own cost',
    intervalMs: INTERVAL_MS,
    sample: () => {
      const { user, system } = process.cpuUsage()
      const now = { atMs: clock.nowMs(), cpuUs: user + system }
      const last = before
      before = now
      if (last === null || now.atMs <= last.atMs) return Promise.resolve([])
      const value = (now.cpuUs - last.cpuUs) / 1_000 / (now.atMs - last.atMs)
      return Promise.resolve([{ metric: 'probe.cpuCores', label: null, value }])
    },
  }
}
