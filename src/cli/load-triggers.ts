/** triggers/*.yaml -> the rules a study is judged by. In: the folder. Out: every trigger, ordered by id. */
import { METRICS, findMetric } from '../collect/metrics.ts'
import { Trigger } from '../judge/trigger.ts'
import { DATA_KINDS, dataFiles } from '../kit/data-file.ts'
import { HeadroomError } from '../kit/errors.ts'
import { suggest } from '../kit/nearest.ts'
import type { Finding } from '../kit/yaml-door.ts'
import { parseYamlFile } from '../kit/yaml-door.ts'

export function loadTriggers(): readonly Trigger[] {
  const triggers = dataFiles(DATA_KINDS.trigger).map((file) =>
    parseYamlFile(Trigger, file, { what: 'trigger', check: triggerFindings }),
  )
  const twice = triggers.find(
    ({ id }, index) => triggers.findIndex((other) => other.id === id) < index,
  )
  if (twice !== undefined) {
    throw new HeadroomError('BAD_INPUT', `two files in triggers/ define ${twice.id}`, {
      hint: 'give one of them another id',
    })
  }
  return [...triggers].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))
}

function triggerFindings({ judged }: Trigger): readonly Finding[] {
  if (judged.kind !== 'symptom') return []
  return judged.metrics.flatMap((key, index) =>
    findMetric(key) === undefined
      ? [
          {
            path: ['judged', 'metrics', index],
            message: `no metric is called "${key}"`,
            remedy: suggest(
              key,
              METRICS.map(({ id }) => id),
            ),
          },
        ]
      : [],
  )
}
