/**
 * What services of the user's own need besides their files, looked at before anything starts. In: targets, scenario,
 * environment, addresses. Out: the secrets among it, and what is worth saying; or the first thing that is missing.
 */
import { howToName } from '../engines/kinds.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Env } from './service-speech.ts'
import { caOf, constantsOf, secretsOf } from './service-speech.ts'
import type { ServiceTarget } from './service-target.ts'
import type { Target } from './target.ts'
import type { ExternalAddresses } from './up.ts'

export interface ServiceInputs {
  /** Must appear in nothing that is written. */
  readonly secrets: readonly string[]
  readonly warnings: readonly string[]
}

export interface ServiceSurroundings {
  readonly scenario: Scenario
  readonly env: Env
  readonly external: ExternalAddresses
}

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function serviceInputs(
  targets: readonly Target[],
  around: ServiceSurroundings,
): ServiceInputs {
  const services = targets.filter((target) => target.kind === 'service')
  for (const service of services) requireInputs(service, around)
  return {
    secrets: services.flatMap((service) => secretsOf(service, around.env)),
    warnings: services.flatMap((service) => warningsOf(service, around)),
  }
}

function requireInputs(
  service: ServiceTarget,
  { scenario, env, external }: ServiceSurroundings,
): void {
  constantsOf(service, env)
  caOf(service)
  const { audit, name, request } = service
  if (audit.by === 'sql' && external[audit.engine] === undefined) {
    throw new HeadroomError(
      'BAD_INPUT',
      `target ${name} is audited by SQL on a ${audit.engine}, but none is named`,
      { hint: howToName(audit.engine) },
    )
  }
  if (request?.body.batch === 'one' && scenario.batchEvents > 1) {
    throw new HeadroomError(
      'BAD_INPUT',
      `scenario ${scenario.name} sends ${String(scenario.batchEvents)} events a request, target ${name} takes one`,
      {
        hint: 'set batchEvents: 1 in the scenario, or request.body.batch: array or lines in the target',
      },
    )
  }
}

function warningsOf(
  { name, engines, process, promises }: ServiceTarget,
  { scenario, external }: ServiceSurroundings,
): readonly string[] {
  const unseen = Object.entries(engines)
    .filter(([, { kind }]) => external[kind] === undefined)
    .map(
      ([role, { kind }]) =>
        `${name}: no address of its ${role} is given, so WAL, checkpoints and sizes there are not seen; ${howToName(kind)}`,
    )
  return [
    ...(promises.assumed === true
      ? [
          `${name}: no promises are given: ${promises.survives}, ${promises.delivery} and ${promises.duplicates} are assumed, and the audit holds it to them`,
        ]
      : []),
    ...unseen,
    ...(scenario.initialRows === 0
      ? []
      : [
          `${name}: a store of your own is never filled, so it starts without the scenario’s initial rows`,
        ]),
    ...(process === undefined
      ? [`${name}: its process is not named, so CPU and memory of the service are not seen`]
      : []),
  ]
}
