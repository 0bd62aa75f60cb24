import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judgeClaims } from '../../src/judge/claims.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { claimsPageText } from '../../src/report/claims-markdown.ts'
import { ClaimsRecord } from '../../src/results/claims-record.ts'
import { loadClaims } from '../../src/scenario/load-claims.ts'

describe('the committed baseline of claims', () => {
  const text = readFileSync(join(packageRoot, 'results/baselines/claims/study.json'), 'utf8')
  const baseline = ClaimsRecord.parse(JSON.parse(text))

  it('holds every shipped claim', () => {
    expect(baseline.claims.map(({ id }) => id)).toEqual(loadClaims([]).claims.map(({ id }) => id))
    expect(baseline.cutShort).toBeNull()
  })

  it('is what docs/claims.md was written from', () => {
    const page = readFileSync(join(packageRoot, 'docs/claims.md'), 'utf8')
    expect(claimsPageText(page, judgeClaims(baseline))).toBe(page)
  })

  it('explains every counter that is not what was seen before', () => {
    const unexplained = judgeClaims(baseline).claims.flatMap(({ claim, measures }) =>
      measures.flatMap((measure) =>
        measure.state === 'measured' &&
        measure.kind === 'counter' &&
        measure.seen !== null &&
        !measure.seen.agrees &&
        measure.seen.differs === null
          ? [`${claim.id}: ${measure.says}`]
          : [],
      ),
    )
    expect(unexplained).toEqual([])
  })
})
