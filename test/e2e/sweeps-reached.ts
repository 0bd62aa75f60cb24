/**
 * Sweeps that ship, each in small: every point is measured and audited, and its record has what varies. Of engines and of
 * indexes that is the server's own word; of a service's settings and of the scenario only that the run was given them.
 */
import { describe, expect, it } from 'vitest'
import type { RunRecord } from '../../src/results/record.ts'
import { valueAt } from '../../src/study/sweep/assign.ts'
import { labelOf } from '../../src/study/sweep/axes.ts'
import type { Met } from './shipped-sweeps.ts'
import { missingFor, sweepInSmall } from './shipped-sweeps.ts'

type Value = Met['set'][string]

/** One value of a path, and the run that was given it. */
interface Given {
  readonly value: Value
  readonly record: RunRecord
}

export function describeSweeps(names: readonly string[]): void {
  describe('sweeps that ship', () => {
    it.for(names)('%s: each point is measured, and its values recorded', async (name, { skip }) => {
      const missing = missingFor(name)
      if (missing.length > 0) skip(`headroom engines install ${missing.join(' ')}`)
      const { points, question, report } = await sweepInSmall(name)
      for (const { record } of points) isWhole(record)
      for (const target of new Set(points.map((point) => point.target))) {
        const own = points.filter((point) => point.target === target)
        for (const path of pathsOf(own)) reached(path, givenFor(path, own))
      }
      expect(report).toContain('| point |')
      for (const { target, record } of points) expect(report, target).toContain(record.target.name)
      expect(question).not.toBe('')
    })
  })
}

function isWhole({ outcome, target, scenario }: RunRecord): void {
  const told = JSON.stringify('audit' in outcome ? outcome.audit : outcome)
  const isOver = outcome.state === 'completed' || outcome.state === 'void'
  expect(isOver, `${target.name}: ${outcome.state}: ${told}`).toBe(true)
  if (!isOver) return
  expect(outcome.audit.passed, `${target.name}: ${told}`).toBe(true)
  for (const store of outcome.audit.stores) {
    expect(store.acceptedEvents).toBeGreaterThan(0)
    expect(store.preloadedRowsFound).toBe(scenario.initialRows)
  }
}

function pathsOf(points: readonly Met[]): readonly string[] {
  return [...new Set(points.flatMap(({ set }) => Object.keys(set)))]
}

/** Points that say nothing of the path have what their target says, or the default. */
function givenFor(path: string, points: readonly Met[]): readonly Given[] {
  return points.flatMap(({ set, record }) => {
    const value = set[path]
    return value === undefined ? [] : [{ value, record }]
  })
}

function reached(path: string, given: readonly Given[]): void {
  const [head, role = ''] = path.split('.')
  switch (head) {
    case 'scenario':
      for (const { value, record } of given) expect(valueAt(record, path), path).toEqual(value)
      break
    // What the service was given: whether it obeys is not asked here.
    case 'settings':
      for (const { value, record } of given) {
        expect(record.architecture.settings[role], path).toEqual(value)
      }
      break
    case 'schemaVariant':
      indexesDiffer(given)
      break
    case 'engines':
      settingsAreInForce(path, { role, given })
      break
    default:
      throw new Error(`what shows that ${path} was set?`)
  }
}

/** A record holds what the server itself says it was started with; what is its own default is not among that. */
function settingsAreInForce(
  path: string,
  { role, given }: { readonly role: string; readonly given: readonly Given[] },
): void {
  const setting = path.slice(path.indexOf('.settings.') + '.settings.'.length)
  const seen = given.map(({ value, record }) => {
    const engine = record.engines.find((one) => one.role === role)
    expect(engine?.settingsNotInForce ?? []).toEqual([])
    return { asked: labelOf(value), inForce: engine?.settings[setting] }
  })
  for (const { asked, inForce } of seen) if (inForce !== undefined) expect(inForce).toBe(asked)
  const byDefault = seen.filter(({ inForce }) => inForce === undefined)
  expect(new Set(byDefault.map(({ asked }) => asked)).size, path).toBeLessThan(2)
}

/** A variant is an index set: no two have the same, and the record says which there were when the run was over. */
function indexesDiffer(given: readonly Given[]): void {
  const variants = new Map(given.map(({ value, record }) => [labelOf(value), indexesOf(record)]))
  expect(new Set(variants.values()).size, JSON.stringify([...variants])).toBe(variants.size)
}

function indexesOf({ outcome }: RunRecord): string {
  if (outcome.state !== 'completed' && outcome.state !== 'void') return outcome.state
  return outcome.measured.stores.flatMap(({ indexes }) => Object.keys(indexes ?? {})).join('; ')
}
