/**
 * What an architecture is given of the engines that run. In: engines by role of the target. Out: engines by role of its
 * needs, with the pooler's address where the target puts one in front.
 */
import type {
  Architecture,
  EngineSettingsByRole,
  EnginesByRole,
  Needs,
} from '../architecture/architecture.ts'
import type { EngineSettings, RunningEngine } from '../engines/engine.ts'
import type { Role } from './roles.ts'
import { needsOf } from './roles.ts'

export interface EngineInRole {
  readonly role: string
  readonly engine: RunningEngine
}

export function enginesForArchitecture(
  architecture: Pick<Architecture, 'needs'>,
  roles: readonly Role[],
  engines: readonly EngineInRole[],
): EnginesByRole<Needs> {
  const byNeed = needsOf(architecture).map(([need, { many }]) => {
    const those = engines
      .filter(({ role }) => roles.some(({ name, need: of }) => name === role && of === need))
      .map((one) => behindItsPooler(one, roles, engines))
    return [need, many ? those : those[0]]
  })
  // `startEngine` made each of the kind that its need names.
  return Object.fromEntries(byNeed) as EnginesByRole<Needs>
}

/** Settings of what an architecture needs, as far as engines run: of the others nothing is known. */
export function settingsByNeed(
  architecture: Pick<Architecture, 'needs'>,
  roles: readonly Role[],
  engines: readonly EngineInRole[],
): EngineSettingsByRole<Needs> {
  const byNeed = needsOf(architecture).map(([need, { many }]) => {
    const those = roles
      .filter((role) => role.need === need)
      .map(
        ({ name }): EngineSettings =>
          engines.find(({ role }) => role === name)?.engine.settings ?? {},
      )
    return [need, many ? those : (those[0] ?? {})]
  })
  return Object.fromEntries(byNeed) as EngineSettingsByRole<Needs>
}

/** The service goes through the pooler; what the harness does must not wait there. */
function behindItsPooler(
  { role, engine }: EngineInRole,
  roles: readonly Role[],
  engines: readonly EngineInRole[],
): RunningEngine {
  const pooler = roles.find(({ of, kind }) => of === role && kind === 'pgbouncer')
  const running = engines.find((other) => other.role === pooler?.name)?.engine
  if (running === undefined) return engine
  return {
    ...engine,
    // A copy would hold the probes of now: every store that is opened later adds one.
    get probes() {
      return engine.probes
    },
    addressFor: (who) => (who === 'harness' ? engine.addressFor(who) : running.addressFor(who)),
  }
}
