/**
 * A comparison: several targets, interleaved rounds of one scenario, one record. In: parsed inputs. Out: the study on
 * disk. An interrupted study says where it was cut.
 */
import type { StudyPoint, PointsOptions, StudyResult } from './run-points.ts'
import { runPoints } from './run-points.ts'

export async function runComparison(options: PointsOptions): Promise<StudyResult> {
  const { scenario, points } = options
  return await runPoints(options, (told) => ({
    ...told,
    kind: 'comparison',
    question: `Which of ${namesOf(points)} takes scenario ${scenario.name}, and when must I migrate?`,
  }))
}

function namesOf(points: readonly StudyPoint[]): string {
  return points.map(({ target }) => target.name).join(', ')
}
