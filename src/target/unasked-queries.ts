/**
 * Queries of a scenario that a target does not answer, told before anything starts. In: targets and a scenario. Out:
 * sentences; a query that none of them answers is a mistake where all of them are architectures.
 */
import { HeadroomError } from '../kit/errors.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Target } from './target.ts'
import { factsBefore } from './up.ts'

/** @throws HeadroomError BAD_INPUT where nobody would be asked; BAD_INPUT, UNKNOWN_TARGET of a target's own */
export function unaskedQueries(targets: readonly Target[], scenario: Scenario): readonly string[] {
  const asked = scenario.queries.map(({ name }) => name)
  const answers = targets.map((target) => ({ target, answered: factsBefore(target).queries }))
  const unanswered = asked.filter(
    (name) => !answers.some(({ answered }) => answered.includes(name)),
  )
  if (unanswered.length > 0 && targets.every(({ kind }) => kind !== 'service')) {
    throw new HeadroomError(
      'BAD_INPUT',
      `scenario ${scenario.name} asks ${unanswered.join(', ')}, which no target answers`,
      {
        hint: answers
          .map(({ target, answered }) => `${target.name} answers ${answered.join(', ')}`)
          .join('; '),
      },
    )
  }
  return answers.flatMap(({ target, answered }) => {
    const unasked = asked.filter((name) => !answered.includes(name))
    if (unasked.length === 0) return []
    const remedy =
      target.kind === 'service'
        ? 'list them under queries if the service answers them'
        : answered.length === 0
          ? 'there is no service to ask'
          : `it answers ${answered.join(', ')}`
    return [
      `${target.name}: ${unasked.join(', ')} ${unasked.length === 1 ? 'is' : 'are'} not asked; ${remedy}`,
    ]
  })
}
