/** `a,b` or paths -> targets. In: what the user typed. Out: parsed targets, each with its own name. */
import { dirname } from 'node:path'
import { DATA_KINDS, findDataFile } from '../kit/data-file.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { Finding } from '../kit/yaml-door.ts'
import { parseYamlFile, schemaFindings } from '../kit/yaml-door.ts'
import { suggest } from '../kit/nearest.ts'
import { needsOf, withNeedsFor } from './roles.ts'
import { architectureById, architectures } from './registry.ts'
import { enginesFindings } from './engines-target.ts'
import { serviceFindings, withAbsolutePaths } from './service-findings.ts'
import type { ArchitectureTarget } from './target.ts'
import { Target } from './target.ts'
import { rememberFile } from './target-source.ts'

/** @throws HeadroomError UNKNOWN_TARGET or BAD_INPUT, in the first target that is not right */
export function loadTargets(namesOrPaths: string): readonly Target[] {
  const wanted = namesOrPaths
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  if (wanted.length === 0) {
    throw new HeadroomError('BAD_INPUT', '--target names nothing', {
      hint: 'give one or more targets, for example --target pg-direct,pg-batch; headroom list targets shows them',
    })
  }
  const targets = wanted.map(loadTarget)
  const twice = targets.find(
    ({ name }, index) => targets.findIndex((other) => other.name === name) < index,
  )
  if (twice !== undefined) {
    throw new HeadroomError('BAD_INPUT', `two of the targets are called "${twice.name}"`, {
      hint: 'a comparison tells its targets apart by name: leave one out, or give it another name',
    })
  }
  return targets
}

export function loadTarget(nameOrPath: string): Target {
  const file = findDataFile(DATA_KINDS.target, nameOrPath)
  const target = parseYamlFile(Target, file, { what: 'target', check: targetFindings })
  const whole = target.kind === 'service' ? withAbsolutePaths(target, dirname(file)) : target
  return rememberFile(whole, file)
}

/** Rules that the schema cannot say: what its architecture takes. */
export function targetFindings(target: Target): readonly Finding[] {
  switch (target.kind) {
    case 'service':
      return serviceFindings(target)
    case 'engines':
      return enginesFindings(target)
    case 'architecture':
      return architectureFindings(target)
  }
}

function architectureFindings(target: ArchitectureTarget): readonly Finding[] {
  const architecture = architectureById(target.architecture)
  if (architecture === undefined) {
    const known = architectures.map(({ id }) => id)
    return [
      {
        path: ['architecture'],
        message: `no architecture is called "${target.architecture}"`,
        remedy: suggest(target.architecture, known),
      },
    ]
  }
  const parsed = architecture.settings.safeParse(target.settings)
  const asked = parsed.success ? withNeedsFor(architecture, parsed.data) : architecture
  const roles = Object.keys(asked.needs)
  const findings: Finding[] = Object.keys(target.engines)
    .filter((role) => !roles.includes(role))
    .map((role) => ({
      path: ['engines', role],
      message: `${architecture.id} has no engine in the role "${role}"`,
      remedy: suggest(role, roles),
    }))
  for (const [role, { many }] of needsOf(asked)) {
    if ((target.engines[role]?.count ?? 1) > 1 && !many) {
      findings.push({
        path: ['engines', role, 'count'],
        message: `${architecture.id} has one engine in the role "${role}"`,
        remedy: 'leave it out',
      })
    }
  }
  if (!architecture.schemaVariants.includes(target.schemaVariant)) {
    findings.push({
      path: ['schemaVariant'],
      message: `${architecture.id} has no schema variant "${target.schemaVariant}"`,
      remedy: suggest(target.schemaVariant, architecture.schemaVariants),
    })
  }
  const settings = schemaFindings(architecture.settings, target.settings)
  return [
    ...findings,
    ...settings.map((finding) => ({ ...finding, path: ['settings', ...finding.path] })),
  ]
}
