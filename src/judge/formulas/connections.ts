/** F3: how many connections a server must allow, beside how many were open. */
import { formatCount, formatNumber } from '../../kit/units.ts'
import { CONNECTIONS_RESERVE, connectionsNeeded } from '../../plan/formulas.ts'
import { maxConnections } from '../../plan/postgres-settings.ts'
import type { FormulaFinding } from './finding.ts'
import type { FormulaRun } from './formula-run.ts'

/** The document says 5 to 10. */
const ADMIN_CONNECTIONS = 10

export function connections(run: FormulaRun): FormulaFinding | null {
  const open = run.worst('sessions.open')
  const own = run.setting('concurrency') ?? run.setting('connections')
  if (open === null || own === null) return null
  // A service without workers is one worker with a pool.
  const workers = run.setting('workers') ?? 1
  const listeners = run.setting('workers') ?? 0
  const needs = { workers, concurrency: own, listeners, admin: ADMIN_CONNECTIONS }
  const needed = connectionsNeeded(needs)
  const allowed = maxConnections(run.server)
  return {
    id: 'F3',
    title: 'Connections',
    target: run.target,
    documented: `workers × concurrency + listeners + administrators (5–10) + 20 %; the 20 % have no base in the document and are taken as × ${formatNumber(CONNECTIONS_RESERVE)} of the sum`,
    inputs: `${formatCount(workers)} × ${formatCount(own)} + ${formatCount(listeners)} + ${formatCount(ADMIN_CONNECTIONS)}; max_connections is ${formatCount(allowed)}`,
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
