/**
 * A target and a scenario with some values changed. In: both as they were read, and values by path. Out: both as they
 * would have been read, or everything that the schemas and their rules find wrong.
 */
import type { Finding } from '../../kit/yaml-door.ts'
import { schemaFindings } from '../../kit/yaml-door.ts'
import { scenarioFindings } from '../../scenario/consistency.ts'
import { Scenario } from '../../scenario/scenario.ts'
import { targetFindings } from '../../target/load.ts'
import { Target } from '../../target/target.ts'
import type { StudyPoint } from '../run-points.ts'
import type { Assignments } from './axes.ts'

/** What a study is judged by and told apart by: it is the same for every point. */
const SAME_FOR_ALL = ['name', 'description', 'slos', 'stop', 'rounds', 'slowDisk']
export const OF_A_TARGET = ['engines', 'settings', 'schemaVariant']

type Keys = readonly string[]

export interface Assigned {
  readonly point: StudyPoint
  /** Empty: it can be run. Paths as the user wrote them. */
  readonly findings: readonly Finding[]
}

export function assigned(
  { target, scenario }: StudyPoint,
  values: Assignments,
  scenarioDir: string,
): Assigned {
  const findings: Finding[] = []
  let changedTarget: unknown = target
  let changedScenario: unknown = scenario
  for (const [path, value] of Object.entries(values)) {
    const keys = keysOf(path)
    const refused = refusal(path, keys, target)
    if (refused !== null) findings.push(refused)
    else if (keys[0] === 'scenario') {
      changedScenario = withValue(changedScenario, keys.slice(1), value)
    } else changedTarget = withValue(changedTarget, keys, value)
  }
  if (findings.length > 0) return { point: { target, scenario }, findings }
  const wrong = [
    ...schemaFindings(Scenario, changedScenario).map(belowScenario),
    ...schemaFindings(Target, changedTarget),
  ]
  if (wrong.length > 0) return { point: { target, scenario }, findings: wrong }
  const point: StudyPoint = {
    target: Target.parse(changedTarget),
    scenario: Scenario.parse(changedScenario),
  }
  const against = [
    ...scenarioFindings(point.scenario, scenarioDir).map(belowScenario),
    ...targetFindings(point.target),
  ]
  return { point, findings: against }
}

/** What stands there now; undefined where nothing does. */
export function valueAt({ target, scenario }: StudyPoint, path: string): unknown {
  const keys = keysOf(path)
  const [root, rest]: [unknown, Keys] =
    keys[0] === 'scenario' ? [scenario, keys.slice(1)] : [target, keys]
  return rest.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), root)
}

/** Names of engine settings hold dots of their own: `pg_stat_statements.max`. */
function keysOf(path: string): Keys {
  const keys = path.split('.')
  const settings = keys[0] === 'engines' ? keys.lastIndexOf('settings') : -1
  return settings < 0 || settings === keys.length - 1
    ? keys
    : [...keys.slice(0, settings + 1), keys.slice(settings + 1).join('.')]
}

function refusal(path: string, keys: Keys, target: Target): Finding | null {
  const [head = '', second = ''] = keys
  const at = { path: [path] }
  if (keys.includes('')) {
    return { ...at, message: 'is no path', remedy: 'write words with one dot between them' }
  }
  if (head === 'scenario') {
    if (keys.length > 1 && !SAME_FOR_ALL.includes(second)) return null
    return {
      ...at,
      message: `cannot be varied: it is the same for all points of a study`,
      remedy: 'vary what is sent: scenario.batchEvents, scenario.events.…, scenario.connections',
    }
  }
  if (!OF_A_TARGET.includes(head)) {
    return {
      ...at,
      message: `is neither of the scenario nor of a target`,
      remedy: `begin with scenario., ${OF_A_TARGET.map((one) => (one === 'schemaVariant' ? one : `${one}.`)).join(', ')}`,
    }
  }
  if (target.kind !== 'service') return null
  return {
    ...at,
    message: `cannot be varied: ${target.name} is a service of your own`,
    remedy: 'write a target file for each and name both in --target; vary scenario.… here',
  }
}

function belowScenario(finding: Finding): Finding {
  return { ...finding, path: ['scenario', ...finding.path] }
}

function withValue(into: unknown, keys: Keys, value: unknown): unknown {
  const [key, ...rest] = keys
  if (key === undefined) return value
  const object = isObject(into) ? into : {}
  return { ...object, [key]: withValue(object[key], rest, value) }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
