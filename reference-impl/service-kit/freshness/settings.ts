/** Settings of a service whose reads may come from replicas. Budgets: mission-map E17. */
import { z } from 'zod'
import type { BreakerRules } from './breaker.ts'
import type { LagBudgetsMs } from './read-class.ts'

const ms = z.int().positive()

export const freshnessSettings = {
  heartbeatMs: ms
    .max(60_000)
    .default(20)
    .describe('How often the heartbeat on the primary is updated.'),
  sampleMs: ms
    .max(60_000)
    .default(10)
    .describe('How often each replica is asked for the heartbeat visible there.'),
  criticalLagMs: ms
    .default(50)
    .describe('Oldest answer of a replica to a critical read. heartbeatMs + sampleMs must fit.'),
  searchLagMs: ms.default(3_000).describe('Oldest answer of a replica to a search.'),
  analyticsLagMs: ms.default(300_000).describe('Oldest answer of a replica to a report.'),
  tokenWaitMs: z
    .int()
    .nonnegative()
    .default(20)
    .describe('How long a read waits on a replica for its reader’s own write.'),
  breakerBadSamples: z
    .int()
    .positive()
    .max(1_000)
    .default(5)
    .describe('Samples beyond the budget that open the breaker.'),
  breakerWindowSamples: z
    .int()
    .positive()
    .max(1_000)
    .default(10)
    .describe('Last samples among which they are counted.'),
  breakerGoodSamples: z
    .int()
    .positive()
    .max(1_000)
    .default(5)
    .describe('Good samples in a row that close it again.'),
  breakerOpenMs: ms.default(500).describe('Shortest time open; doubles while trouble comes back.'),
  breakerOpenMaxMs: ms.default(10_000).describe('Longest time open.'),
  breakerJitterRatio: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe('Share by which chance stretches the time open.'),
}

/** Of an architecture that does without replicas too. */
export const readReplicas = z
  .boolean()
  .default(false)
  .describe(
    'Whether streaming replicas answer what may be old: engines.replica.count says how many.',
  )

export type FreshnessSettings = { readonly [Name in keyof typeof freshnessSettings]: number }

/** Settings that contradict each other. */
export function checkFreshness(
  settings: FreshnessSettings,
  context: { addIssue(issue: { code: 'custom'; message: string }): void },
): void {
  const message = freshnessProblem(settings)
  if (message !== null) context.addIssue({ code: 'custom', message })
}

function freshnessProblem(settings: FreshnessSettings): string | null {
  if (settings.heartbeatMs + settings.sampleMs >= settings.criticalLagMs) {
    return 'heartbeatMs + sampleMs must be below criticalLagMs: no sample could show that a replica is fresh enough'
  }
  if (settings.breakerBadSamples > settings.breakerWindowSamples) {
    return 'breakerBadSamples is more than breakerWindowSamples: the breaker could never open'
  }
  return settings.breakerOpenMs > settings.breakerOpenMaxMs
    ? 'breakerOpenMs is more than breakerOpenMaxMs'
    : null
}

export function lagBudgets(settings: FreshnessSettings): LagBudgetsMs {
  const { criticalLagMs, searchLagMs, analyticsLagMs } = settings
  return { critical: criticalLagMs, search: searchLagMs, analytics: analyticsLagMs }
}

export function breakerRules(settings: FreshnessSettings): Omit<BreakerRules, 'sloMs'> {
  return {
    badSamples: settings.breakerBadSamples,
    windowSamples: settings.breakerWindowSamples,
    goodSamples: settings.breakerGoodSamples,
    openMs: settings.breakerOpenMs,
    openMaxMs: settings.breakerOpenMaxMs,
    jitterRatio: settings.breakerJitterRatio,
  }
}
