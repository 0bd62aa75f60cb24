/**
 * kill -9 in the middle of a run, once. In: an architecture, the part to kill and the moment. Out: what the driver was
 * answered and what the audit found in the stores. The contract test does it once per part, the soak at many moments.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Part } from '../../src/architecture/part.ts'
import { auditRun } from '../../src/audit/audit.ts'
import type { OutcomeReader } from '../../src/audit/outcomes.ts'
import { openOutcomes } from '../../src/audit/outcomes.ts'
import { promisedAgainst } from '../../src/audit/promise.ts'
import { startDriver } from '../../src/drive/driver.ts'
import type { DriverResult, OutcomeCounts } from '../../src/drive/job.ts'
import { ACK_UNIT_US, NO_ACK, OUTCOME_CODES } from '../../src/drive/job.ts'
import { silentLog } from '../../src/kit/log.ts'
import { Scope } from '../../src/kit/scope.ts'
import type { Audit } from '../../src/results/audit-record.ts'
import { Scenario } from '../../src/scenario/scenario.ts'
import { driverJob, planRun } from '../../src/study/run-plan.ts'
import { architectureById, architectures } from '../../src/target/registry.ts'
import { engineName, rolesOf, withDefaultNeeds } from '../../src/target/roles.ts'
import { Target } from '../../src/target/target.ts'
import type { RunningTarget } from '../../src/target/up.ts'
import type { Store } from '../../src/engines/engine.ts'
import type { OwnProvider } from '../../src/target/up.ts'
import { bringUp } from '../../src/target/up.ts'

export interface Component {
  readonly architecture: string
  /** Name of a part of it: its service or one of its engines. */
  readonly victim: string
}

export const components: readonly Component[] = architectures.flatMap((architecture) =>
  [
    'service',
    ...(architecture.alongside ?? []),
    ...rolesOf(withDefaultNeeds(architecture), { engines: {} }).map(engineName),
  ].map((victim) => ({
    architecture: architecture.id,
    victim,
  })),
)

export interface KillRunOptions extends Component {
  readonly scenario: Scenario
  /** After the first due event. */
  readonly killAtMs: number
  /** From the kill to the order to start again. */
  readonly downMs: number
  /** Where its engines and its service run; absent: on this host. */
  readonly engines?: OwnProvider
  readonly signal: AbortSignal
}

export interface KillRun {
  readonly result: DriverResult
  readonly dueEvents: number
  readonly counts: OutcomeCounts
  readonly audit: Audit
  /** Live pids of the victim right after the kill. */
  readonly pidsAfterKill: readonly number[]
  /** After the first due event; the restart has ended. */
  readonly restartedAtMs: number
  /** Events acknowledged after that. */
  readonly acknowledgedAfterRestart: number
  /** Nothing was due any more when the part was back: whether it serves again cannot be told. */
  readonly scheduleEndedFirst: boolean
}

const LEAD_MS = 200
/** A fire-and-forget writer may still be emptying its queue when the driver has its last answer. */
const SETTLE_MS = 1_500
/** A store that took long to come back is filled for as long; one that never rests is the audit's to judge. */
const SETTLE_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 250
/** Time a service that is back needs at least to be asked something. */
const ASKED_WITHIN_MS = 500

/** 400 events/s for five seconds with repeated events among them, of the architecture's first shape. */
export function killScenario(
  architecture: string,
  more: { readonly seed?: number; readonly batchEvents?: number; readonly measureS?: number } = {},
): Scenario {
  return Scenario.parse({
    name: 'kills',
    shape: architectureById(architecture)?.shapes[0],
    seed: more.seed ?? 20_261_121,
    rate: { kind: 'constant', ratePerS: 400 },
    spacing: 'poisson',
    phases: { warmupS: 0, measureS: more.measureS ?? 5, drainS: 6 },
    batchEvents: more.batchEvents ?? 1,
    requestTimeoutMs: 3_000,
    events: { duplicateRatio: 0.02 },
  })
}

/** Runs the scenario, kills the part, starts it again, audits; nothing is left behind. */
export async function killDuringRun(options: KillRunOptions): Promise<KillRun> {
  await using scope = new Scope()
  const dir = await mkdtemp(join(tmpdir(), 'headroom-kill-'))
  scope.defer(() => rm(dir, { recursive: true, force: true }))
  const up = scope.use(await bringUpIn(dir, options))
  return await killIn({ dir, up }, options)
}

interface Place {
  readonly dir: string
  readonly up: RunningTarget
}

async function killIn({ dir, up }: Place, options: KillRunOptions): Promise<KillRun> {
  const { scenario, signal } = options
  const victim = partOf(up, options)
  const plan = await planRun(scenario, dir, new Date())
  const files = {
    outcomesFile: join(dir, 'outcomes.bin'),
    exceptionsFile: join(dir, 'exceptions.ndjson'),
  }
  const job = driverJob(scenario, plan, { url: up.running.ingestUrl.href, ...files })
  const ignore = (): void => undefined
  const listeners = { signal, log: silentLog, onWindow: ignore, onQuery: ignore }
  await using driver = await startDriver(job, listeners)
  const epochMs = nowMs() + LEAD_MS
  driver.go(epochMs)
  await delay(LEAD_MS + options.killAtMs, undefined, { signal })
  await victim.fault('kill')
  const pidsAfterKill = victim.pids()
  await delay(options.downMs, undefined, { signal })
  await victim.fault('restart')
  const restartedAtMs = nowMs() - epochMs
  const result = await driver.result
  await untilStill(up.running.stores, signal)
  await untilDelivered(up, signal)
  const dueEvents = result.segments.reduce((sum, segment) => sum + segment.dueEvents, 0)
  const { batchEvents } = scenario
  const outcomes = await openOutcomes({ ...files, batchEvents, events: dueEvents })
  const audit = await auditRun({
    stores: up.running.stores,
    projections: up.running.projections ?? [],
    promises: promisedAgainst(
      [...up.promises.stores, ...(up.promises.projections ?? [])],
      [options.victim],
    ),
    stream: plan.stream,
    outcomes,
    preloadedRows: 0,
    worstFault: 'process-kill',
    signal,
  })
  return {
    result,
    dueEvents,
    counts: totalOf(result),
    audit,
    pidsAfterKill,
    restartedAtMs,
    acknowledgedAfterRestart: await acknowledgedAfter(restartedAtMs, outcomes, signal),
    scheduleEndedFirst: restartedAtMs + ASKED_WITHIN_MS > plan.scheduledS * 1_000,
  }
}

async function bringUpIn(dir: string, options: KillRunOptions): Promise<RunningTarget> {
  const { architecture, signal } = options
  const logDir = join(dir, 'logs')
  await mkdir(logDir)
  return await bringUp({
    target: Target.parse({ kind: 'architecture', name: architecture, architecture }),
    external: {},
    engines: options.engines ?? 'embedded',
    dataDir: join(dir, 'data'),
    logDir,
    runId: 'kill',
    signal,
    log: silentLog,
    onEngineReady: () => undefined,
  })
}

/** Waits until no store has had a new row for a while: an audit of a store that moves contradicts itself. */
async function untilStill(stores: readonly Store[], signal: AbortSignal): Promise<void> {
  const rowsNow = async (): Promise<string> => {
    const totals = await Promise.all(stores.map((store) => store.totals(signal)))
    return totals.map(({ rows }) => rows).join()
  }
  const deadlineMs = nowMs() + SETTLE_WITHIN_MS
  for (let before = await rowsNow(); nowMs() < deadlineMs;) {
    await delay(SETTLE_MS, undefined, { signal })
    const now = await rowsNow()
    if (now === before) return
    before = now
  }
}

/**
 * Waits for stores that get every event in their own time: rows of a worker that was killed are nobody's until its lease is
 * over, and nothing moves meanwhile. Whether they came is the audit's to say.
 */
async function untilDelivered(up: RunningTarget, signal: AbortSignal): Promise<void> {
  const { stores } = up.running
  const isLater = ({ name }: Store): boolean => {
    const promise = up.promises.stores.find(({ store }) => store === name)
    return promise?.readAfterAck === 'eventually' && promise.delivery !== 'at-most-once'
  }
  const idsOf = async (some: readonly Store[]): Promise<readonly number[]> => {
    const totals = await Promise.all(some.map((store) => store.totals(signal)))
    return totals.map(({ distinctIds }) => distinctIds)
  }
  const later = stores.filter(isLater)
  if (later.length === 0) return
  const first = Math.max(0, ...(await idsOf(stores.filter((store) => !isLater(store)))))
  const deadlineMs = nowMs() + SETTLE_WITHIN_MS
  while ((await idsOf(later)).some((ids) => ids < first) && nowMs() < deadlineMs) {
    await delay(LOOK_EVERY_MS, undefined, { signal })
  }
}

function partOf(up: RunningTarget, { architecture, victim }: Component): Part {
  const parts = [...up.running.parts, ...up.engines.flatMap(({ engine }) => engine.parts)]
  const found = parts.find((part) => part.name === victim)
  if (found === undefined) throw new Error(`${architecture} has no part ${victim}`)
  return found
}

function totalOf({ segments }: DriverResult): OutcomeCounts {
  const sum = (kind: keyof OutcomeCounts): number =>
    segments.reduce((total, { counts }) => total + counts[kind], 0)
  return {
    accepted: sum('accepted'),
    duplicate: sum('duplicate'),
    rejected: sum('rejected'),
    shed: sum('shed'),
    unknown: sum('unknown'),
    dropped: sum('dropped'),
  }
}

async function acknowledgedAfter(
  afterMs: number,
  outcomes: OutcomeReader,
  signal: AbortSignal,
): Promise<number> {
  let events = 0
  for await (const block of outcomes.blocks(signal)) {
    block.outcomes.forEach((outcome, at) => {
      const units = block.ackUnits[at] ?? NO_ACK
      const isAcknowledged =
        outcome === OUTCOME_CODES.accepted || outcome === OUTCOME_CODES.duplicate
      if (isAcknowledged && units !== NO_ACK && (units * ACK_UNIT_US) / 1_000 > afterMs) events++
    })
  }
  return events
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
