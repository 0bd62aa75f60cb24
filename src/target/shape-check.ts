/** Whether targets take the events of a scenario. In: both, parsed. Out: nothing, or an error that says what fits. */
import { HeadroomError } from '../kit/errors.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { templateProblems, textsIn } from '../shapes/event-template.ts'
import { shapes } from '../shapes/registry.ts'
import { architectures } from './registry.ts'
import type { ServiceTarget } from './service-target.ts'
import type { Target } from './target.ts'

interface TakesShapes {
  readonly id: string
  readonly shapes: readonly string[]
}

/**
 * A service of the user's own says in its request what an event becomes: it takes every shape whose fields it names.
 * @throws HeadroomError BAD_INPUT for the first target whose architecture does not take the scenario's shape
 */
export function requireShape(
  targets: readonly Target[],
  scenario: Pick<Scenario, 'name' | 'shape'>,
  known: readonly TakesShapes[] = architectures,
): void {
  for (const target of targets) {
    if (target.kind === 'service') {
      requireFields(target, scenario)
      continue
    }
    // Engines alone hold what their schema does.
    if (target.kind === 'engines') continue
    const architecture = known.find(({ id }) => id === target.architecture)
    // One that does not exist is refused where the target is read.
    if (architecture === undefined || architecture.shapes.includes(scenario.shape)) continue
    const others = known.filter(({ shapes }) => shapes.includes(scenario.shape))
    const instead = others.length === 0 ? '' : `, or a target on ${orOf(others)}`
    throw new HeadroomError(
      'BAD_INPUT',
      `scenario ${scenario.name} sends ${scenario.shape} events, which ${architecture.id} (target ${target.name}) does not take`,
      { hint: `choose a scenario with ${shapesOf(architecture)}${instead}` },
    )
  }
}

function requireFields(
  { name, request }: ServiceTarget,
  scenario: Pick<Scenario, 'name' | 'shape'>,
): void {
  if (request === undefined) return
  const known = [...shapes[scenario.shape].fields, 'run', 'env']
  const { path, headers, body } = request
  const texts = [path, ...Object.values(headers), ...textsIn(body.event)]
  const [problem] = texts.flatMap((text) => templateProblems(text, known))
  if (problem === undefined) return
  throw new HeadroomError(
    'BAD_INPUT',
    `scenario ${scenario.name} sends ${scenario.shape} events; in target ${name}, ${problem.message}`,
    { hint: problem.remedy },
  )
}

function shapesOf({ shapes }: TakesShapes): string {
  return shapes.map((shape) => `shape: ${shape}`).join(' or ')
}

function orOf(architectures: readonly TakesShapes[]): string {
  return architectures.map(({ id }) => id).join(' or ')
}
