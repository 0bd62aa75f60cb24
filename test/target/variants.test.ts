/**
 * The variants that ship. In: targets/variants and its README. Out: each is a target of its architecture, and differs from
 * that architecture's own target in what the README's last column names, and in nothing else.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/kit/paths.ts'
import { loadTarget } from '../../src/target/load.ts'
import type { OwnTarget, Target } from '../../src/target/target.ts'
import { factsBefore, parseArchitectureSettings } from '../../src/target/up.ts'

const folder = join(packageRoot, 'targets', 'variants')
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
const readme = readFileSync(join(folder, 'README.md'), 'utf8')

type Values = Readonly<Record<string, unknown>>

/** What a row of the README's table says: `file` | what it changes | `setting`, `setting`. */
function named(file: string): readonly string[] {
  const row = readme.split('\n').find((line) => line.startsWith(`| \`${file}\``))
  const [, , , last = ''] = row?.split('|') ?? []
  return [...last.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}

function own(target: Target): OwnTarget {
  if (target.kind === 'service') throw new Error(`${target.name} has no engines`)
  return target
}

function differing(one: Values, other: Values): readonly string[] {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...keys].filter((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]))
}

/** Settings by name; an engine that only one of them has by its role. */
function differences(variant: OwnTarget, base: OwnTarget): readonly string[] {
  const settings = differing(
    parseArchitectureSettings(variant).settings,
    parseArchitectureSettings(base).settings,
  )
  const roles = new Set([...Object.keys(variant.engines), ...Object.keys(base.engines)])
  const ofEngines = [...roles].flatMap((role) => {
    const [mine, its] = [variant.engines[role], base.engines[role]]
    if (mine === undefined || its === undefined) return [role]
    return differing(
      { ...mine, ...mine.settings, settings: null },
      { ...its, ...its.settings, settings: null },
    )
  })
  const schema = variant.schemaVariant === base.schemaVariant ? [] : ['schemaVariant']
  return [...new Set([...settings, ...ofEngines, ...schema])]
}

describe('targets/variants', () => {
  it.each(files)(
    '%s is a target whose settings its architecture takes, under its own name',
    (file) => {
      const target = loadTarget(join(folder, file))
      expect(`${target.name}.yaml`).toBe(file)
      expect(target.description).not.toBe('')
      expect(factsBefore(target).promises.stores.length).toBeGreaterThan(0)
    },
  )

  it.each(files)(
    '%s differs from its base in what the README says, and in nothing else',
    (file) => {
      const variant = own(loadTarget(join(folder, file)))
      if (variant.kind !== 'architecture') throw new Error('it is a variant of an architecture')
      const base = own(loadTarget(variant.architecture))
      const seen = differences(variant, base)
      expect(seen.length).toBeGreaterThan(0)
      expect([...seen].sort()).toEqual([...named(variant.name)].sort())
    },
  )
})
