/**
 * What a part of a run is: carried by its name in every metric, known by its kind. In: a run. Out: service, worker, engine,
 * or harness for what drives, measures and carries traffic.
 */
import type { RunRecord } from '../results/record.ts'

export type PartKind = 'service' | 'worker' | 'engine' | 'harness'

/** What is no part of a target: the rest is what a target costs. */
const HARNESS: ReadonlySet<string> = new Set(['driver', 'harness', 'probes', 'docker-proxy'])

/** Records of before kinds were kept: engines carry their kind's or their role's name, and what is no engine serves. */
export function partKind(run: RunRecord, name: string): PartKind {
  if (HARNESS.has(name)) return 'harness'
  const measured = run.outcome.state === 'failed' ? null : run.outcome.measured
  const known = measured?.parts?.find((part) => part.name === name)
  if (known !== undefined) return known.kind
  const engines = run.engines.flatMap((engine) => [engine.kind, engine.role])
  if (engines.some((engine) => name === engine || name.startsWith(`${engine}-`))) return 'engine'
  return name.startsWith('worker') ? 'worker' : 'service'
}
