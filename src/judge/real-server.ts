/**
 * How far a real ClickHouse server differs from `clickhouse-local`. In: a target that ran on the latter, and runs of the
 * same scenario and settings on the former. Out: the ratio of each figure, and whether figures are provisional still.
 */
import { formatBytes, formatNumber } from '../kit/units.ts'
import { canonicalJson } from '../results/canonical.ts'
import type { RunRecord } from '../results/record.ts'
import { evidenceOf } from './evidence.ts'
import type { TargetEvidence } from './evidence.ts'
import { comparedRate, figuresOf } from './figures.ts'
import type { Figure } from './figures.ts'
import { medianOf } from './statistics.ts'

/** A figure on both, medians over rounds. */
export interface RealServerRatio {
  readonly figure: Compared
  readonly local: number
  readonly real: number
  /** real ÷ local. */
  readonly ratio: number
}

export interface RealServerFindings {
  readonly target: string
  /** `clickhouse 26.7.3 (compose, clickhouse/clickhouse-server:26.7)`. */
  readonly label: string
  /** What its container may use: `2 cores and 2 GiB`; null where nothing limits it. */
  readonly limits: string | null
  /** Studies that the real server's rounds come from. */
  readonly studies: readonly string[]
  readonly localRounds: number
  readonly realRounds: number
  /** The highest rate that both kept in every round; null where there is none: figures per rate are then left out. */
  readonly comparedAtPerS: number | null
  readonly sameMachine: boolean
  readonly ratios: readonly RealServerRatio[]
}

type Engine = RunRecord['engines'][number]

type Compared = Exclude<
  Figure,
  | 'latency.p999Us'
  | 'wal.bytesPerEvent'
  | 'wal.totalBytesPerEvent'
  | 'wal.fpiBytesPerEvent'
  | 'store.indexBytesPerEvent'
>

/** The figures that ClickHouse has a part in, as a reader calls them. */
export const FIGURE_WORDS: Readonly<Record<Compared, string>> = {
  'rate.sustainedPerS': 'sustained rate',
  'latency.p50Us': 'latency p50',
  'latency.p99Us': 'latency p99',
  'freshness.p50Us': 'freshness p50',
  'freshness.p99Us': 'freshness p99',
  'store.bytesPerEvent': 'bytes per event',
  'cpu.msPer1000Events{service}': 'CPU of the service',
  'cpu.msPer1000Events{engine}': 'CPU of the engines',
}
const FIGURES = Object.keys(FIGURE_WORDS) as readonly Compared[]

/** `clickhouse local` behind a port, whatever its image is called; every embedded ClickHouse is. */
export function isClickHouseLocal(engine: Engine): boolean {
  return engine.kind === 'clickhouse' && engine.label.startsWith('clickhouse-local')
}

/** Asked and found to be a server: the name of an image or an address proves nothing. */
export function isRealClickHouse(engine: Engine): boolean {
  return engine.kind === 'clickhouse' && engine.facts?.['server'] === 'yes'
}

/** One entry per target of the study that ran on `clickhouse-local` and has a counting round on a real server. */
export function realServerFindings(
  targets: readonly TargetEvidence[],
  candidates: readonly RunRecord[],
): readonly RealServerFindings[] {
  return targets.flatMap((target) => {
    const [first] = target.rounds
    if (first?.run.engines.some(isClickHouseLocal) !== true) return []
    const comparable = candidates.filter(
      (run) => run.engines.some(isRealClickHouse) && measuresTheSame(run, first.run),
    )
    const real = evidenceOf(first.run.target.name, renamed(comparable, first.run.target.name))
    return real.rounds.length === 0 ? [] : [compared(target, real)]
  })
}

/** Rounds of another study count whatever the target was called there. */
function renamed(runs: readonly RunRecord[], name: string): readonly RunRecord[] {
  return runs.map((run) => ({ ...run, target: { ...run.target, name } }))
}

function compared(local: TargetEvidence, real: TargetEvidence): RealServerFindings {
  const comparedAtPerS = comparedRate([local, real])
  const ratios = FIGURES.flatMap((figure): readonly RealServerRatio[] => {
    const one = medianOf(figuresOf(local, figure, comparedAtPerS))
    const other = medianOf(figuresOf(real, figure, comparedAtPerS))
    if (one === null || other === null || !Number.isFinite(other / one)) return []
    return [{ figure, local: one, real: other, ratio: other / one }]
  })
  const machines = new Set(
    [...local.rounds, ...real.rounds].map(({ run }) => run.machine.fingerprint),
  )
  const engine = real.rounds[0]?.run.engines.find(isRealClickHouse)
  return {
    target: local.target,
    label: engine?.label ?? 'clickhouse',
    limits: engine === undefined ? null : limitsOf(engine),
    studies: [...new Set(real.rounds.map(({ run }) => run.studyId))],
    localRounds: local.rounds.length,
    realRounds: real.rounds.length,
    comparedAtPerS,
    sameMachine: machines.size === 1,
    ratios,
  }
}

/** clickhouse-local has no such limits: what a quota costs is no difference between the two. */
function limitsOf({ facts = {} }: Engine): string | null {
  const { cpuLimit, memoryLimitBytes } = facts
  const limits = [
    ...(cpuLimit === undefined
      ? []
      : [`${formatNumber(Number(cpuLimit))} ${cpuLimit === '1' ? 'core' : 'cores'}`]),
    ...(memoryLimitBytes === undefined ? [] : [formatBytes(Number(memoryLimitBytes))]),
  ]
  return limits.length === 0 ? null : limits.join(' and ')
}

/** The same traffic on the same architecture with the same settings; only where the engine comes from may differ. */
function measuresTheSame(one: RunRecord, other: RunRecord): boolean {
  return sameText(subjectOf(one), subjectOf(other))
}

/** Whether runs of one scenario may stand for the other: how often it is repeated changes no run. */
export function isSameTraffic(one: RunRecord['scenario'], other: RunRecord['scenario']): boolean {
  return sameText(trafficOf(one), trafficOf(other))
}

function subjectOf({ scenario, target, architecture }: RunRecord): unknown {
  const own =
    target.kind === 'architecture'
      ? {
          variant: target.schemaVariant,
          engines: Object.entries(target.engines)
            .map(([role, { settings }]) => [role, settings] as const)
            .filter(([, settings]) => Object.keys(settings).length > 0),
        }
      : { target }
  const { id, settings } = architecture
  return { traffic: trafficOf(scenario), id, settings, own }
}

function trafficOf(scenario: RunRecord['scenario']): unknown {
  return { ...scenario, name: '', description: '', rounds: 0 }
}

function sameText(one: unknown, other: unknown): boolean {
  return canonicalJson(one) === canonicalJson(other)
}

/** What the reader of figures from `clickhouse-local` must know; nothing where none ran. */
export function realServerCaveats(
  targets: readonly TargetEvidence[],
  confirmed: readonly RealServerFindings[],
): readonly string[] {
  const open = targets
    .filter(({ rounds }) => rounds.some(({ run }) => run.engines.some(isClickHouseLocal)))
    .filter(({ target }) => !confirmed.some((one) => one.target === target))
    .map(({ target }) => target)
  const provisional =
    open.length === 0
      ? []
      : [
          `ClickHouse ran as clickhouse-local under ${open.join(', ')}: its figures are provisional until the same scenario ran on a real server (--engines compose, or your own).`,
        ]
  return [...provisional, ...confirmed.map(confirmedInWords)]
}

function confirmedInWords(found: RealServerFindings): string {
  const words = found.ratios.map(
    ({ figure, ratio }) => `${FIGURE_WORDS[figure]} × ${formatNumber(ratio)}`,
  )
  const limited = found.limits === null ? '' : `, limited to ${found.limits},`
  const elsewhere = found.sameMachine ? '' : ' on another machine, so times do not compare'
  return `ClickHouse ran as clickhouse-local under ${found.target}; on ${found.label}${limited} the same scenario (${found.studies.join(', ')})${elsewhere} showed ${words.join(', ')}.`
}
