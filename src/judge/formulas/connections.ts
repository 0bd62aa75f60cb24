/** F3: how many connections a server must allow, beside how many were open. */
import { formatCount, formatNumber } from '../../kit/units.ts'
import { CONNECTIONS_RESERVE, connectionsNeeded } from '../../plan/formulas.ts'
import type { ConnectionNeeds } from '../../plan/formulas.ts'
import { maxConnections } from '../../plan/postgres-settings.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

/** The document says 5 to 10. */
const ADMIN_CONNECTIONS = 10

/** What the reference services open beside what their settings say. */
export const FIXED_CONNECTIONS = {
  /** Every service reads through these. */
  reads: 4,
  /** A service with an outbox looks at what waits there. */
  watch: 2,
  /** The receiver of architecture `outbox`, which keeps what it was brought on the same server. */
  receiver: 8,
  /** Who makes and drops partitions, for as long as that takes. */
  maintenance: 1,
  /** Who writes on the primary how late its replicas are. */
  heartbeat: 1,
  /** Who asks for the position of the log that a reader names to see his own write. */
  tokens: 1,
  /** The worker of `eav`: it looks at what is staged, moves it, and refreshes the view where there is one. */
  staging: 1,
  flusher: 1,
  view: 1,
  /** Of the service of `eav`: it does nothing but end when the database does, and so empties the cache. */
  session: 1,
} as const

/** Reads that are routed have a pool of their own beside the writer's. */
const ROUTED = FIXED_CONNECTIONS.reads + FIXED_CONNECTIONS.heartbeat + FIXED_CONNECTIONS.tokens

/** Beside what every service has open, by architecture and its settings: a judge may not ask the services. */
const BESIDE: Readonly<Record<string, (run: FormulaRun) => number>> = {
  outbox: () => FIXED_CONNECTIONS.receiver,
  'pg-partitioned': (run) =>
    (run.word('partitionBy') === 'hash' ? 0 : FIXED_CONNECTIONS.maintenance) +
    (run.isOn('readReplicas') ? ROUTED : 0),
  'pg-replica': () => ROUTED,
  eav: (run) =>
    FIXED_CONNECTIONS.staging +
    FIXED_CONNECTIONS.flusher +
    FIXED_CONNECTIONS.session +
    (run.word('distinctQuery') === 'view' ? FIXED_CONNECTIONS.view : 0) +
    (run.isOn('readReplicas') ? FIXED_CONNECTIONS.heartbeat : 0),
}

function besideOf(run: FormulaRun): number {
  return BESIDE[run.architectureId ?? '']?.(run) ?? 0
}

export function connections(run: FormulaRun): FormulaFinding | null {
  const open = run.worst('sessions.open')
  const needs = needsOf(run)
  if (open === null || needs === null) return null
  const needed = connectionsNeeded(needs)
  const allowed = maxConnections(run.server)
  const { workers, concurrency, listeners, service, admin } = needs
  return {
    id: 'F3',
    title: 'Connections',
    target: run.target,
    documented: `workers × concurrency + listeners + administrators (5–10) + 20 %; the 20 % have no base in the document and are taken as × ${formatNumber(CONNECTIONS_RESERVE)} of the sum; the service’s own connections, which the document leaves out, are added`,
    inputs: `${formatCount(workers)} × ${formatCount(concurrency)} + ${formatCount(listeners)} + ${formatCount(admin)}, and ${formatCount(service)} of the service; max_connections is ${formatCount(allowed)}`,
    unit: 'connections',
    predicted: needed,
    measured: open,
    verdict: open <= needed ? 'held' : 'did-not-hold',
    because: [
      open <= needed
        ? 'what was open at most, without the harness, is within it'
        : 'more were open than it allows for',
      needed <= allowed ? 'max_connections suffices' : 'max_connections is below it',
    ].join('; '),
  }
}

/** null where the settings name no pool. */
function needsOf(run: FormulaRun): ConnectionNeeds | null {
  const written = writingOf(run)
  const concurrency = run.setting('concurrency')
  // Engines alone have no service: the driver writes, and nothing else.
  const reads = run.rounds[0]?.run.target.kind === 'engines' ? 0 : FIXED_CONNECTIONS.reads
  const beside = besideOf(run)
  const admin = ADMIN_CONNECTIONS
  if (concurrency === null) {
    // A service without workers is one worker with a pool.
    if (written === null) return null
    return { workers: 1, concurrency: written, listeners: 0, service: reads + beside, admin }
  }
  const workers = run.setting('workers') ?? 1
  return {
    workers,
    concurrency,
    // Who polls listens to nobody.
    listeners: run.word('wake') === 'poll' ? 0 : workers,
    service: (written ?? 0) + reads + FIXED_CONNECTIONS.watch + beside,
    admin,
  }
}

/** Requests of codes that are not critical have as many connections again. */
function writingOf(run: FormulaRun): number | null {
  const own = run.setting('connections')
  return own === null ? null : own * (run.names('nonCriticalCodes').length > 0 ? 2 : 1)
}
