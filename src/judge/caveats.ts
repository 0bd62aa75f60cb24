/**
 * What a reader must know before believing a figure. In: study and evidence. Out: sentences, the gravest first. Each is
 * there only where it applies.
 */
import {
  formatCount,
  formatDurationMs,
  formatDurationS,
  formatDurationUs,
  formatNumber,
  formatRate,
  formatRatio,
} from '../kit/units.ts'
import type { Machine, Step, StudyRecord } from '../results/record.ts'
import { worstResolution } from '../results/freshness-resolution.ts'
import { refusalCaveats } from './acceptance.ts'
import { p999IsSupported } from './compare.ts'
import { checkpointsIn, tierOf } from './conditions.ts'
import { discardedInWords, keptSteps, measuredSteps } from './evidence.ts'
import type { Round, TargetEvidence } from './evidence.ts'
import { ownServerCaveats } from './own-server-caveats.ts'
import { isElsewhere, ownServiceCaveats } from './own-service.ts'
import { realServerCaveats } from './real-server.ts'
import type { RealServerFindings } from './real-server.ts'
import { RANKING_MIN_ROUNDS } from './statistics.ts'
import { unmeasuredCaveats } from './unmeasured.ts'
import { unseenCaveats } from './unseen-parts.ts'
import { contentionInWords, isContended, mayBeItselfCaveats } from './whose-limit.ts'

/** Below this an fdatasync costs so little that durable writes look free (design.md, honesty rule 5). */
const CHEAP_FSYNC_US = 200
/** More than this share of requests waiting makes a run pool-limited (honesty rule 1). */
const WAITED_RATIO_MAX = 0.01
/** What `sustained` means where no trigger says more. */
const SUSTAINED_S = 60

export interface CaveatInput {
  readonly study: StudyRecord
  readonly targets: readonly TargetEvidence[]
  readonly comparedAtPerS: number | null
  /** Targets whose ClickHouse figures a real server has confirmed. */
  readonly realServer: readonly RealServerFindings[]
}

export function caveatsOf(input: CaveatInput): readonly string[] {
  const { study, targets, comparedAtPerS } = input
  const rounds = targets.flatMap((target) => target.rounds)
  return [
    ...integrity(study, targets),
    ...refusalCaveats(targets),
    ...unmeasuredCaveats(targets),
    ...contention(targets),
    ...mayBeItselfCaveats(targets),
    ...poolLimited(rounds),
    ...machines(targets),
    ...disk(rounds),
    ...comparedAt(input, rounds),
    ...duration(study, rounds),
    ...realServerCaveats(targets, input.realServer),
    ...ownServiceCaveats(targets),
    ...ownServerCaveats(targets.flatMap((target) => target.runs)),
    ...unseenCaveats(targets, comparedAtPerS),
    ...tiers(targets),
    ...samples(targets, comparedAtPerS),
    ...resolution(rounds),
    ...shared(rounds),
  ]
}

function integrity(study: StudyRecord, targets: readonly TargetEvidence[]): readonly string[] {
  const cut = study.cutShort === null ? [] : [`The study was cut short: ${study.cutShort}.`]
  const discarded = targets
    // Of a target that no round counts of, its own sentence says why.
    .filter((target) => target.discarded.length > 0 && target.rounds.length > 0)
    .map((target) => `${target.target}: not counted: ${discardedInWords(target.discarded)}.`)
  const few = targets.filter(
    (target) => target.rounds.length > 0 && target.rounds.length < RANKING_MIN_ROUNDS,
  )
  const ranking =
    few.length === 0
      ? []
      : [
          `No ranking: ${few.map((one) => `${one.target} has ${one.rounds.length.toString()}`).join(', ')} of the ${RANKING_MIN_ROUNDS.toString()} rounds a ranking needs.`,
        ]
  return [...cut, ...discarded, ...ranking]
}

/** A long list of rounds says less than how many they were and the worst of them. */
const CONTENDED_NAMED_MAX = 3

function contention(targets: readonly TargetEvidence[]): readonly string[] {
  const rounds = targets.flatMap((target) => target.rounds)
  const contended = rounds
    .map((round) => ({
      round,
      steps: measuredSteps(round).filter((step) => isContended(round, step)),
    }))
    .filter(({ steps }) => steps.length > 0)
    .toSorted((a, b) => foreignCores(b.steps) - foreignCores(a.steps))
    .map(
      ({ round, steps }) =>
        `${round.run.target.name} round ${round.run.round.toString()} (${contentionInWords(steps)})`,
    )
  const [worst] = contended
  if (worst === undefined) return []
  return contended.length <= CONTENDED_NAMED_MAX
    ? [`Contended: something else used this machine during ${contended.join(', ')}.`]
    : [
        `Contended: something else used this machine during ${contended.length.toString()} of ${rounds.length.toString()} rounds, most of all ${worst}.`,
      ]
}

function foreignCores(steps: readonly Step[]): number {
  return Math.max(...steps.map((step) => step.metrics['machine.foreignCores'] ?? 0))
}

function poolLimited(rounds: readonly Round[]): readonly string[] {
  const limited = rounds.filter((round) =>
    // Past its limit every target lets requests wait; only what was kept must be open loop.
    keptSteps(round).some((step) => step.waitedRatio > WAITED_RATIO_MAX),
  )
  if (limited.length === 0) return []
  const names = limited.map(
    (round) => `${round.run.target.name} round ${round.run.round.toString()}`,
  )
  return [
    `Pool-limited: more than ${formatRatio(WAITED_RATIO_MAX)} of the requests waited for a connection in a kept step of ${names.join(', ')}; those steps are not open loop.`,
  ]
}

function machines(targets: readonly TargetEvidence[]): readonly string[] {
  const prints = new Set(
    targets.flatMap((target) => target.runs.map((run) => run.machine.fingerprint)),
  )
  return prints.size <= 1
    ? []
    : [
        `The rounds come from ${prints.size.toString()} different machines: their figures do not compare.`,
      ]
}

function disk(rounds: readonly Round[]): readonly string[] {
  // Runs whose data lay on another disk know nothing of this one.
  const known = rounds.find(({ run }) => run.machine.fsyncP50Us !== null) ?? rounds[0]
  const machine: Machine | undefined = known?.run.machine
  const delayed = rounds.some((round) =>
    round.run.engines.some((engine) => Number(engine.settings['commit_delay'] ?? 0) > 0),
  )
  const emulated = delayed
    ? ['Some commits carry an emulated disk delay (commit_delay): those figures are emulated.']
    : []
  if (machine === undefined) return emulated
  const inContainers = rounds.some(({ run }) =>
    run.engines.some((engine) => engine.provider === 'compose'),
  )
  const contained = inContainers
    ? [
        'The disk of the containers (below Docker’s data root) was not measured: its fsync, writes and room are not known, and no slow disk was emulated on it.',
      ]
    : []
  const fsync = machine.fsyncP50Us
  if (fsync === null) {
    return inContainers
      ? [...contained, ...emulated]
      : ['The disk’s fsync latency is not known.', ...emulated]
  }
  if (fsync >= CHEAP_FSYNC_US) return [...contained, ...emulated]
  return [
    `An fsync takes ${formatDurationUs(fsync)} on this disk, below 0.2 ms: durable writes look nearly free here and cost more elsewhere.`,
    ...contained,
    ...emulated,
  ]
}

function comparedAt(input: CaveatInput, rounds: readonly Round[]): readonly string[] {
  if (rounds.length === 0 || input.targets.length < 2) return []
  const silent = input.targets.filter((target) => target.rounds.length === 0)
  const without =
    silent.length === 0 ? '' : ` (without ${silent.map((one) => one.target).join(', ')})`
  return input.comparedAtPerS === null
    ? [
        `No rate was kept by every target in every round${without}: latency, WAL and CPU are not compared.`,
      ]
    : [
        `Latency, freshness, WAL and CPU are compared at ${formatRate(input.comparedAtPerS)}, the highest step that every target kept in every round${without}.`,
      ]
}

function duration(study: StudyRecord, rounds: readonly Round[]): readonly string[] {
  const words: string[] = []
  const steps = rounds.flatMap((round) =>
    measuredSteps(round)
      .filter((step) => step.complete)
      .map((step) => step.toMs - step.fromMs),
  )
  const longest = steps.length === 0 ? null : Math.max(...steps)
  if (longest !== null && longest < SUSTAINED_S * 1e3) {
    words.push(
      `A step lasted ${formatDurationMs(longest)}: a rate held that long is not yet sustained (${formatDurationS(SUSTAINED_S)}).`,
    )
  }
  const postgres = rounds.filter((round) =>
    round.run.engines.some((engine) => engine.kind === 'postgres'),
  )
  if (postgres.some((round) => checkpointsIn(round) < 2)) {
    words.push(
      'p99 and p99.9 with PostgreSQL are provisional: a run was shorter than two checkpoints.',
    )
  }
  const filled = rounds.filter((round) => round.run.target.kind !== 'service')
  const ofArchitectures = filled.length < rounds.length ? 'of an architecture ' : ''
  if (filled.length > 0 && study.scenario.initialRows > 0) {
    words.push(
      `Every store ${ofArchitectures}held ${formatCount(study.scenario.initialRows)} rows before the first event; larger tables cost more.`,
    )
  } else if (filled.length > 0) {
    words.push(
      `Every store ${ofArchitectures}was empty before the first event; larger tables cost more.`,
    )
  }
  return words
}

function tiers(targets: readonly TargetEvidence[]): readonly string[] {
  const byTier = new Map<string, string[]>()
  for (const target of targets) {
    const run = target.runs[0]
    if (run === undefined) continue
    const tier = tierOf(run)
    byTier.set(tier, [...(byTier.get(tier) ?? []), target.target])
  }
  if (byTier.size <= 1) return []
  const words = [...byTier].map(([tier, names]) => `${names.join(', ')}: ${tier}`)
  return [
    `The targets promise different durability (${words.join('; ')}): a faster one may promise less.`,
  ]
}

function samples(
  targets: readonly TargetEvidence[],
  comparedAtPerS: number | null,
): readonly string[] {
  const short = targets.filter((target) => !p999IsSupported(target, comparedAtPerS))
  return short.length === 0
    ? []
    : [
        `p99.9 of ${short.map((one) => one.target).join(', ')} rests on fewer than 10,000 samples a round: an indication, not a measurement.`,
      ]
}

/** Old partitions are looked at in turn, so that a poll does not plan over hundreds of them. */
function resolution(rounds: readonly Round[]): readonly string[] {
  const worst = worstResolution(rounds.map(({ measured }) => measured))
  if (worst === null) return []
  const within = formatDurationMs(worst.withinMs)
  return worst.roundPolls === 1
    ? [`Freshness is known to within ${within}, the largest gap between two polls.`]
    : [
        `Freshness is known to within ${within}: the largest gap between two polls, ${formatDurationMs(worst.gapMs)}, times the ${formatNumber(worst.roundPolls)} polls that look at all old partitions in turn. An event around now is known to within that gap; a late one waited for its turn unless rows had just been seen where it lies.`,
      ]
}

function shared(rounds: readonly Round[]): readonly string[] {
  const cores = rounds[0]?.run.machine.cores
  const own = rounds.every(
    ({ run }) =>
      // Containers run on the cores of this machine too.
      run.engines.every((engine) => engine.provider !== 'external') &&
      !(run.target.kind === 'service' && isElsewhere(run.target)),
  )
  return cores === undefined || !own
    ? []
    : [
        `Driver, service and engines shared ${formatNumber(cores)} cores: rates are of this machine, not of the architecture alone.`,
      ]
}
