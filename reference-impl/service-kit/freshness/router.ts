/**
 * Primary or replica, for every read (mission-map A19, E17, E18). In: what a reader demands, and how to ask a copy. Out: the
 * answer, with how fresh it is. A replica answers as long as it is provably within the reader's budget; else the primary
 * does; and where the primary is away, the replica that is least behind, which then says that it is stale.
 */
import { systemClock, type Clock } from '../../../src/kit/clock.ts'
import type { Freshness } from '../reads.ts'
import { within } from '../within.ts'
import { afterSample, CLOSED, type Breaker, type BreakerRules } from './breaker.ts'
import { chooseCopy, leastBehind, type PrimaryReason, type ReplicaView } from './choice.ts'
import type { Lsn } from './lsn.ts'
import { READ_CLASSES, type LagBudgetsMs, type ReadClass, type ReadDemand } from './read-class.ts'
import type { ReplicaSample } from './replica-watch.ts'

export interface Replica<Access> {
  /** What X-Data-Source says, before the table where a read names one. */
  readonly source: string
  readonly access: Access
  readonly watch: {
    readonly name: string
    readonly sample: ReplicaSample | null
    lagAtMostMs(): number
    whenReplayed(token: Lsn, budgetMs: number): Promise<boolean>
  }
}

export interface RouterOptions<Access> {
  readonly primary: {
    readonly source: string
    readonly access: Access
    /** Whether it has been silent for so long that asking it would only cost time. */
    readonly isAway: () => boolean
  }
  readonly replicas: readonly Replica<Access>[]
  readonly budgetsMs: LagBudgetsMs
  /** How long a read waits on a replica for the reader's own write. */
  readonly tokenWaitMs: number
  readonly rules: Omit<BreakerRules, 'sloMs'>
  readonly clock?: Clock
  /** From 0 to 1, as Math.random gives it. */
  readonly chance?: () => number
}

/** Asks one copy. `replayed` is a position it must have reached first, checked on the connection that answers. */
export type Ask<Access, Answer> = (access: Access, replayed: Lsn | null) => Promise<Answer>

/** What a read says beyond how old its answer may be. */
export interface ReadFrom {
  /** What of a copy answers, where that is not always the same. */
  readonly table?: string
  /** The primary is asked, and a replica only where it does not answer. */
  readonly primaryFirst?: boolean
}

export interface Routed<Answer> {
  readonly answer: Answer
  readonly freshness: Freshness
}

export interface RouterMeter {
  readonly reads: ReadonlyMap<string, number>
  readonly primaryReads: ReadonlyMap<PrimaryReason, number>
  readonly replicas: readonly {
    readonly name: string
    /** Null while it does not answer. */
    readonly heartbeatLagMs: number | null
    readonly breakers: Readonly<Record<ReadClass, Breaker['state']>>
    /** How often each has opened. */
    readonly openings: Readonly<Record<ReadClass, number>>
  }[]
}

/** A copy that hangs is given up for the primary after this long: one that is only busy with a report is not. */
const PATIENCE_MS: Readonly<Record<ReadClass, number>> = {
  critical: 1_000,
  search: 5_000,
  analytics: 60_000,
}
const MS_PER_S = 1_000

interface Asked<Access, Answer> {
  readonly of: Ask<Access, Answer>
  readonly table: string | undefined
}

type Tried<Answer> = Routed<Answer> | { readonly failed: 'token' | 'lag' | 'failed' }

export class FreshnessRouter<Access> {
  readonly #options: RouterOptions<Access>
  readonly #clock: Clock
  readonly #chance: () => number
  readonly #breakers: Record<ReadClass, Breaker>[]
  readonly #reads = new Map<string, number>()
  readonly #primaryReads = new Map<PrimaryReason, number>()
  readonly #openings: Record<ReadClass, number>[]
  #turn = 0

  constructor(options: RouterOptions<Access>) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#chance = options.chance ?? Math.random
    this.#breakers = options.replicas.map(() => ({
      critical: CLOSED,
      search: CLOSED,
      analytics: CLOSED,
    }))
    this.#openings = options.replicas.map(() => ({ critical: 0, search: 0, analytics: 0 }))
  }

  /** For the watch of the replica at `index`, after each of its samples. */
  observe(index: number, sample: ReplicaSample | null): void {
    const breakers = this.#breakers[index]
    const openings = this.#openings[index]
    if (breakers === undefined || openings === undefined) return
    for (const readClass of READ_CLASSES) {
      const before = breakers[readClass]
      const after = afterSample(
        before,
        {
          atMs: this.#clock.nowMs(),
          lagMs: sample?.lagAtMostMs ?? null,
          chance: this.#chance(),
        },
        { ...this.#options.rules, sloMs: this.#options.budgetsMs[readClass] },
      )
      if (after.state === 'open' && before.state !== 'open') openings[readClass]++
      breakers[readClass] = after
    }
  }

  /** Rejects when no copy answers. */
  async read<Answer>(
    demand: ReadDemand,
    asked: Ask<Access, Answer>,
    { table, primaryFirst = false }: ReadFrom = {},
  ): Promise<Routed<Answer>> {
    const { primary, replicas, budgetsMs } = this.#options
    const ask: Asked<Access, Answer> = { of: asked, table }
    if (primary.isAway()) {
      const answer = await this.#askLeastBehind(demand, ask)
      if (answer !== null) return answer
    }
    if (primaryFirst && replicas.length > 0) {
      return await this.#askPrimary(demand, ask, 'own-write')
    }
    const choice = chooseCopy(this.#views(demand), {
      readClass: demand.readClass,
      budgetsMs,
      turn: this.#turn++,
    })
    if (choice.from === 'primary') return await this.#askPrimary(demand, ask, choice.because)
    const chosen = replicas[choice.index]
    if (chosen === undefined) throw new Error('chosen among the replicas there are')
    const tried = await this.#tryReplica(chosen, demand, ask)
    return 'failed' in tried ? await this.#askPrimary(demand, ask, tried.failed) : tried
  }

  /** For what no replica has: rejects where the primary does not answer. */
  async readUnlogged<Answer>(asked: Ask<Access, Answer>, table: string): Promise<Routed<Answer>> {
    return await this.#byPrimary({ of: asked, table }, 'unlogged')
  }

  get meter(): RouterMeter {
    return {
      reads: this.#reads,
      primaryReads: this.#primaryReads,
      replicas: this.#options.replicas.map(({ watch }, index) => ({
        name: watch.name,
        heartbeatLagMs: watch.sample?.heartbeatLagMs ?? null,
        breakers: {
          critical: this.#stateOf(index, 'critical'),
          search: this.#stateOf(index, 'search'),
          analytics: this.#stateOf(index, 'analytics'),
        },
        openings: { critical: 0, search: 0, analytics: 0, ...this.#openings[index] },
      })),
    }
  }

  #views({ readClass, token }: ReadDemand): readonly ReplicaView[] {
    return this.#options.replicas.map((replica, index) => ({
      lagAtMostMs: replica.watch.lagAtMostMs(),
      breaker: this.#stateOf(index, readClass),
      hasReplayed: hasReplayed(replica, token),
    }))
  }

  #stateOf(index: number, readClass: ReadClass): Breaker['state'] {
    return this.#breakers[index]?.[readClass].state ?? 'closed'
  }

  async #tryReplica<Answer>(
    replica: Replica<Access>,
    demand: ReadDemand,
    ask: Asked<Access, Answer>,
  ): Promise<Tried<Answer>> {
    const { token, readClass } = demand
    if (token !== null) {
      const reached = await replica.watch.whenReplayed(token, this.#options.tokenWaitMs)
      if (!reached) return { failed: 'token' }
    }
    // The answer is of a later moment than this, so it can only be fresher.
    const lagMs = replica.watch.lagAtMostMs()
    if (lagMs > this.#options.budgetsMs[readClass]) return { failed: 'lag' }
    try {
      const answer = await within(PATIENCE_MS[readClass], ask.of(replica.access, token))
      const source = sourceOf(replica, ask)
      return this.#fromReplica(answer, source, { lagMs, stale: false, hasToken: token !== null })
    } catch {
      // Whatever it was, the primary can say it better: a bad query fails there as well.
      return { failed: 'failed' }
    }
  }

  async #askPrimary<Answer>(
    demand: ReadDemand,
    ask: Asked<Access, Answer>,
    because: PrimaryReason,
  ): Promise<Routed<Answer>> {
    let failure: unknown
    try {
      return await this.#byPrimary(ask, because)
    } catch (error) {
      failure = error
    }
    const other = await this.#askLeastBehind(demand, ask)
    if (other === null) throw failure
    return other
  }

  async #byPrimary<Answer>(
    ask: Asked<Access, Answer>,
    because: PrimaryReason,
  ): Promise<Routed<Answer>> {
    const { primary } = this.#options
    const answer = await ask.of(primary.access, null)
    const source = sourceOf(primary, ask)
    count(this.#reads, source)
    count(this.#primaryReads, because)
    return { answer, freshness: { source, lagS: 0, consistency: 'strong', stale: false } }
  }

  /** Better an answer that says how old it is than none; null where no replica gives one. */
  async #askLeastBehind<Answer>(
    demand: ReadDemand,
    ask: Asked<Access, Answer>,
  ): Promise<Routed<Answer> | null> {
    const { readClass, token } = demand
    const index = leastBehind(this.#views(demand))
    const replica = index === null ? undefined : this.#options.replicas[index]
    if (replica === undefined) return null
    const lagMs = replica.watch.lagAtMostMs()
    const missesToken = !hasReplayed(replica, token)
    try {
      const answer = await within(PATIENCE_MS[readClass], ask.of(replica.access, null))
      const stale = missesToken || lagMs > this.#options.budgetsMs[readClass]
      return this.#fromReplica(answer, sourceOf(replica, ask), { lagMs, stale, hasToken: false })
    } catch {
      return null
    }
  }

  #fromReplica<Answer>(
    answer: Answer,
    source: string,
    known: { readonly lagMs: number; readonly stale: boolean; readonly hasToken: boolean },
  ): Routed<Answer> {
    count(this.#reads, source)
    const { lagMs, stale, hasToken } = known
    const consistency = hasToken ? 'session' : 'eventual'
    return { answer, freshness: { source, lagS: lagMs / MS_PER_S, consistency, stale } }
  }
}

function hasReplayed({ watch }: Pick<Replica<unknown>, 'watch'>, token: Lsn | null): boolean {
  return token === null || (watch.sample !== null && watch.sample.replayed >= token)
}

function sourceOf(
  { source }: { readonly source: string },
  { table }: { readonly table: string | undefined },
): string {
  return table === undefined ? source : `${source}.${table}`
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
