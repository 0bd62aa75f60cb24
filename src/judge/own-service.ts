/**
 * What a reader must know of figures of a service of the user's own: what was not seen of it. In: evidence. Out:
 * sentences, each only where it applies. Pure.
 */
import type { StoreAudit } from '../results/audit-record.ts'
import type { Round, TargetEvidence } from './evidence.ts'

type OwnService = Extract<Round['run']['target'], { kind: 'service' }>

export function ownServiceCaveats(targets: readonly TargetEvidence[]): readonly string[] {
  return targets.flatMap(({ target, runs }) => {
    const run = runs.findLast(({ outcome }) => outcome.state !== 'failed')
    if (run?.target.kind !== 'service') return []
    return [
      ...whereItRuns(run.target),
      ...whatIsAssumed(run.target),
      ...(run.notPreloaded === undefined
        ? [`${target}: how many rows its store held before the first event is not known.`]
        : [`${target}: ${run.notPreloaded}; how many rows it held is not known.`]),
      ...whatWasNotSeen(run.target, run.engines.length),
      ...howItWasAudited(target, runs),
    ]
  })
}

/** Whether the service answers on another machine than the one that measured it. */
export function isElsewhere({ url }: OwnService): boolean {
  const { hostname } = new URL(url)
  return !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

function whereItRuns(target: OwnService): readonly string[] {
  return isElsewhere(target)
    ? [
        `${target.name} runs elsewhere (${new URL(target.url).host}): the machine described here is the one that measured it, its latencies hold the network’s, and no coefficient of this machine is one of the service.`,
      ]
    : []
}

function whatIsAssumed({ name, promises }: OwnService): readonly string[] {
  if (promises.assumed !== true) return []
  const { survives, delivery } = promises
  return [
    `${name}: no promises are given, so ${survives} and ${delivery} are assumed: what its 2xx survives is nobody’s word.`,
  ]
}

function whatWasNotSeen(target: OwnService, seenEngines: number): readonly string[] {
  const { name, process, engines } = target
  const unseen = [
    ...(process === undefined ? [unseenProcess(target)] : []),
    ...(seenEngines === 0
      ? [
          Object.keys(engines).length === 0
            ? 'WAL, checkpoints and sizes of its store (name its servers under engines)'
            : 'WAL, checkpoints and sizes of its store (give the addresses of its servers)',
        ]
      : []),
    'when an acknowledged event became readable',
  ]
  const whole =
    seenEngines === 0
      ? []
      : [`${name}: figures of its servers are those of the whole server, whoever else used it.`]
  return [`Not seen of ${name}: ${unseen.join('; ')}.`, ...whole]
}

function unseenProcess(target: OwnService): string {
  const what = 'CPU and memory of the service (name its process)'
  return isElsewhere(target) ? what : `${what}, so that they count as somebody else’s`
}

function howItWasAudited(name: string, runs: TargetEvidence['runs']): readonly string[] {
  const audits = runs.flatMap(({ outcome }): readonly StoreAudit[] =>
    outcome.state === 'failed' ? [] : (outcome.audit?.stores ?? []),
  )
  const through = audits.find((audit) => audit.by !== undefined)
  if (through === undefined) return []
  const how = through.by === 'reads' ? 'its own reads' : 'a statement of yours'
  const notSeen = [...new Set(audits.flatMap((audit) => audit.notSeen ?? []))]
  const cannot = notSeen.length === 0 ? '' : `, which cannot show ${notSeen.join(', nor ')}`
  return [`${name} was audited through ${how}${cannot}.`]
}
