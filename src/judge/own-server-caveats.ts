/**
 * What a reader must know of servers, most of it of the user's own. In: runs. Out: sentences: settings that were not in
 * force as the target asks, and what could not be seen or done with the rights that were there.
 */
import type { RunRecord } from '../results/record.ts'

export function ownServerCaveats(runs: readonly RunRecord[]): readonly string[] {
  const settings = new Map<string, Set<string>>()
  const unknown = new Map<string, Set<string>>()
  const unseen = new Map<string, Set<string>>()
  const refused = new Map<string, Set<string>>()
  for (const { engines, target, outcome } of runs) {
    const marks = outcome.state === 'failed' ? [] : (outcome.measured?.checkpoints ?? [])
    for (const sentence of marks.flatMap((mark) => mark.refused ?? []))
      named(refused, target.name).add(sentence)
    for (const engine of engines) {
      for (const { name, asked, inForce } of engine.settingsNotInForce ?? []) {
        const sentence = `${engine.kind} uses ${name} = ${inForce}, the target asks for ${asked}`
        named(engine.provider === 'external' ? settings : unknown, sentence).add(target.name)
      }
      for (const sentence of engine.unseen ?? []) named(unseen, engine.label).add(sentence)
    }
  }
  return [
    ...[...settings].map(
      ([sentence, targets]) =>
        `A setting of your server was not changed: ${sentence} (${[...targets].join(', ')}).`,
    ),
    ...[...unknown].map(
      ([sentence, targets]) => `Not in force: ${sentence} (${[...targets].join(', ')}).`,
    ),
    ...[...unseen].map(
      ([label, sentences]) => `Gaps in what your ${label} shows: ${[...sentences].join('; ')}.`,
    ),
    ...[...refused].map(
      ([target, sentences]) =>
        `A CHECKPOINT marked in the runs of ${target} was not made by all of its servers: ${[...sentences].join('; ')}.`,
    ),
  ]
}

function named(sets: Map<string, Set<string>>, key: string): Set<string> {
  const found = sets.get(key) ?? new Set<string>()
  sets.set(key, found)
  return found
}
