/**
 * Claims as a CI system reads them: a case each. A refuted claim has passed, for it was measured; what was not measured is
 * skipped; an arm that failed is an error.
 */
import type { ClaimFinding, ClaimsFindings } from '../judge/claims.ts'
import { measureWords } from '../judge/claims.ts'
import type { TestCase } from './junit-xml.ts'
import { junitXml } from './junit-xml.ts'

export function renderClaimsJunit({ record, claims }: ClaimsFindings): string {
  const failed = record.experiments.flatMap(({ experiment, arms }) =>
    arms.flatMap(({ arm, round, outcome }): readonly TestCase[] =>
      outcome.state === 'failed'
        ? [
            {
              name: `${experiment.name}, arm ${arm}, round ${String(round)}`,
              result: 'error',
              message: `${outcome.code}: ${outcome.message}`,
              output: '',
            },
          ]
        : [],
    ),
  )
  return junitXml(record, [
    { name: 'claims', startedAt: record.startedAt, cases: [...claims.map(claimCase), ...failed] },
  ])
}

function claimCase({ claim, verdict, because, measures }: ClaimFinding): TestCase {
  const name = `${claim.id} ${claim.title}`
  if (verdict === 'not measured') {
    return { name, result: 'skipped', message: `not measured: ${because}`, output: '' }
  }
  const output = [`${verdict}: ${because}`, ...measures.map(measureWords)].join('\n')
  return { name, result: 'passed', message: '', output }
}
