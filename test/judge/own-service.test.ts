/** What is said of a service of the user's own in a report: nothing that was not seen is passed over. */
import { describe, expect, it } from 'vitest'
import type { Findings } from '../../src/judge/findings.ts'
import { judgeStudy } from '../../src/judge/judge.ts'
import type { StoreAudit } from '../../src/results/audit-record.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { Target } from '../../src/target/target.ts'
import { studyFixture, withOutcome } from '../fixtures/study.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

interface Own {
  readonly url?: string
  readonly more?: Record<string, unknown>
  readonly audit?: Partial<StoreAudit>
  readonly engines?: boolean
  readonly change?: (run: RunRecord) => RunRecord
}

/** The study in which pg-batch is a service of the user's own. */
function findingsOf({
  url = 'http://127.0.0.1:8080',
  more = {},
  audit = {},
  engines = false,
  change,
}: Own): Findings {
  const target = Target.parse({
    kind: 'service',
    name: 'pg-batch',
    url,
    audit: { by: 'reads' },
    ...more,
  })
  const own = (run: RunRecord): RunRecord => {
    if (run.target.name !== 'pg-batch') return run
    const { outcome } = run
    if (outcome.state !== 'completed') return run
    const stores = outcome.audit.stores.map((store) => ({
      ...store,
      by: 'reads' as const,
      ...audit,
    }))
    const changed = {
      ...run,
      target,
      engines: engines ? run.engines : [],
      notPreloaded: 'the 150,000 initial rows cannot be loaded',
      outcome: { ...outcome, audit: { ...outcome.audit, stores } },
    }
    return change === undefined ? changed : change(changed)
  }
  const { study, runs } = studyFixture({
    targets: ['pg-direct', 'pg-batch'],
    rounds: 3,
    tweak: own,
  })
  const targets = study.targets.map((each) => (each.name === 'pg-batch' ? target : each))
  return judgeStudy({ study: { ...study, targets }, runs, triggers: shippedTriggers() })
}

const caveatsOf = (own: Own): string => findingsOf(own).caveats.join('\n')

describe('a service of the user’s own', () => {
  it('is said to start with rows nobody counted, beside architectures that were filled', () => {
    const text = caveatsOf({})
    expect(text).toContain(
      'the 150,000 initial rows cannot be loaded; how many rows it held is not known',
    )
    expect(text).toContain('Every store of an architecture held 200,000 rows')
  })

  it('that was given no promises is said to be held to assumed ones', () => {
    const assumed = 'no promises are given, so process-kill and at-least-once are assumed'
    expect(caveatsOf({})).toContain(assumed)
    expect(caveatsOf({ more: { promises: { survives: 'nothing' } } })).not.toContain(assumed)
  })

  it('has named what was not seen of it, and how to see it', () => {
    const text = caveatsOf({})
    expect(text).toContain(
      'CPU and memory of the service (name its process), so that they count as somebody else’s',
    )
    expect(text).toContain('name its servers under engines')
    const seen = caveatsOf({
      more: { process: { pid: 1 }, engines: { db: { kind: 'postgres' } } },
      engines: true,
    })
    expect(seen).not.toContain('name its process')
    expect(seen).toContain('those of the whole server')
  })

  it('on another machine is not described by this one', () => {
    const text = caveatsOf({ url: 'https://ingest.example.com' })
    expect(text).toContain('runs elsewhere (ingest.example.com)')
    expect(text).not.toContain('shared 2 cores')
    for (const url of ['http://localhost:1', 'http://[::1]:1', 'http://127.8.0.1']) {
      expect(caveatsOf({ url })).not.toContain('runs elsewhere')
    }
  })

  it('is said to be audited the way it was, with what that way cannot show', () => {
    const notSeen = [
      'whether an event is stored more than once',
      'whether values are those that were sent',
    ]
    expect(caveatsOf({ audit: { notSeen } })).toContain(
      'pg-batch was audited through its own reads, which cannot show whether an event is stored more than once, nor whether values',
    )
    expect(caveatsOf({ audit: { by: 'statement', notSeen: [] } })).toContain(
      'pg-batch was audited through a statement of yours.',
    )
  })

  it('that was not audited counts for nothing, and is ranked nowhere', () => {
    const findings = findingsOf({ change: (run) => withOutcome(run, 'not-audited') })
    const own = findings.targets.find(({ target }) => target === 'pg-batch')
    expect(own?.rounds).toEqual([])
    expect(own?.sustainedPerS).toBeNull()
    expect(own?.sentence).not.toMatch(/holds [\d,]+/)
    expect(own?.sentence).toContain('not audited, so nothing of it is proven')
    for (const { order } of findings.rankings) expect(order ?? []).not.toContain('pg-batch')
  })

  it('leaves slow aggregations unknown until rows and queries are known, with a command that can be run', () => {
    const withoutRows = findingsOf({
      change: (run) =>
        run.outcome.state === 'completed'
          ? {
              ...run,
              outcome: { ...run.outcome, measured: { ...run.outcome.measured, stores: [] } },
            }
          : run,
    })
    const verdict = e3(withoutRows)
    expect(verdict).toMatchObject({ state: 'unknown' })
    expect(JSON.stringify(verdict)).toContain('name its tables under engines in the target')
    expect(JSON.stringify(verdict)).not.toContain('--initial-rows')
  })
})

function e3({ targets }: Findings): unknown {
  const own = targets.find(({ target }) => target === 'pg-batch')
  return own?.judgements.find(({ trigger }) => trigger === 'E3')?.verdict
}
