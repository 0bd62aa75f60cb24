/**
 * What the queries of a run read, asked of its service when the run is over: an engine that tells only under EXPLAIN is not
 * made to while it is measured. In: a target that is up, and what its queries answered. Out: what each reads, by name.
 */
import { askExplained, type Explained } from '../drive/explained.ts'
import type { DriverResult } from '../drive/job.ts'
import { newestIndex, queryParams } from '../drive/query-params.ts'
import type { Log } from '../kit/log.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { ENTITY_QUERY } from '../shapes/entity-write.ts'
import type { RunningTarget } from '../target/up.ts'
import type { RunPlan } from './run-plan.ts'

export interface ExplainRun {
  readonly driver: Pick<DriverResult, 'queries' | 'requests'>
  readonly scenario: Pick<Scenario, 'batchEvents' | 'shape'>
  readonly plan: Pick<RunPlan, 'stream'>
  readonly signal: AbortSignal
  readonly log: Log
}

export async function explainQueries(
  { target, running }: Pick<RunningTarget, 'target' | 'running'>,
  { driver, scenario, plan, signal, log }: ExplainRun,
): Promise<ReadonlyMap<string, Explained>> {
  // Of a service of the user's own nothing is asked but what its readers ask.
  if (target.kind !== 'architecture') return new Map()
  const names = untold(driver.queries).filter((name) => name !== ENTITY_QUERY)
  if (names.length === 0) return new Map()
  const index = newestIndex(driver.requests, scenario.batchEvents)
  return await askExplained({
    url: running.ingestUrl,
    names,
    paramsOf: (name) => queryParams(name, { stream: plan.stream, shape: scenario.shape, index }),
    signal,
    log,
  })
}

/** Answered, but without a word on what was read. One that was never answered would only be waited for again. */
function untold(queries: DriverResult['queries']): readonly string[] {
  const answered = queries.filter(({ outcome }) => outcome === 'ok')
  return [...new Set(answered.map(({ name }) => name))]
    .filter((name) => answered.every((one) => one.name !== name || one.rowsRead === null))
    .sort()
}
