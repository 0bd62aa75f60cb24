import { describe, expect, it } from 'vitest'
import type { Findings } from '../../src/judge/findings.ts'
import { judgeStudy } from '../../src/judge/judge.ts'
import { RunRecord } from '../../src/results/record.ts'
import { studyFixture, withOutcome } from '../fixtures/study.ts'
import type { StudyFixtureOptions } from '../fixtures/study.ts'
import { shippedTriggers } from '../fixtures/triggers.ts'

const triggers = shippedTriggers()
const HEALTHY = studyFixture()

function findingsOf(options: StudyFixtureOptions): Findings {
  return judgeStudy({ ...studyFixture(options), triggers })
}

function targetOf(findings: Findings, name: string): Findings['targets'][number] {
  const found = findings.targets.find((target) => target.target === name)
  if (found === undefined) throw new Error(`no findings of ${name}`)
  return found
}

describe('a study of four targets over three rounds', () => {
  const findings = judgeStudy({ ...HEALTHY, triggers })

  it('judges every trigger for every target, in the order of their numbers', () => {
    for (const target of findings.targets) {
      expect(target.judgements.map((one) => one.trigger)).toEqual(
        'E1 E2 E3 E4 E5 E6 E9 E10 E11 E12 E13 E14 E17a E17b E17c E18'.split(' '),
      )
      expect(target.rounds).toEqual([1, 2, 3])
    }
  })

  it('keeps real moves at or below the declared rate apart from those whose rate nobody published', () => {
    const { judgements } = targetOf(findings, 'pg-direct')
    const of = (id: string) => judgements.find(({ trigger }) => trigger === id)
    const rated = judgements.flatMap(({ anchors }) => anchors)
    expect(rated.length).toBeGreaterThan(0)
    expect(rated.filter((line) => !/ \(about .+\/s\): /.test(line))).toEqual([])
    // 400 events/s are declared: what happened at 2,300 is no precedent.
    expect(rated.filter((line) => line.startsWith('Floqer'))).toEqual([])
    expect(of('E11')).toMatchObject({
      anchors: [],
      unratedAnchors: [expect.stringMatching(/^Recall\.ai \(2025\): /)],
    })
    // A rule about a rate has nothing to say of a move at an unknown one.
    expect(of('E2')?.unratedAnchors).toEqual([])
  })

  it('compares all of them at the highest rate that every one kept in every round', () => {
    expect(new Set(findings.targets.map((target) => target.comparedAtPerS))).toEqual(
      new Set([2000]),
    )
    expect(targetOf(findings, 'pg-direct').latencyUs).toEqual({ p50: 1249, p99: 6343, p999: 10788 })
  })

  it('gives rate, limit and what moves it', () => {
    expect(targetOf(findings, 'pg-direct')).toMatchObject({
      sustainedPerS: { low: 4000, mid: 4000, high: 4000 },
      brokenAtPerS: { low: 8000, mid: 8000, high: 8000 },
      headroomRatio: { mid: 10 },
      limit: {
        metric: 'latency.p99Us',
        by: 'service',
        moves:
          'commit many requests at once, as pg-batch does, or run more replicas of the service',
      },
    })
    expect(targetOf(findings, 'pg-batch').limit?.moves).toContain('more replicas')
    expect(targetOf(findings, 'dual-write').limit?.by).toBe('machine')
    expect(targetOf(findings, 'clickhouse-direct').limit).toBeNull()
  })

  it('takes a record of an earlier Headroom, which does not say whether requests share commits', () => {
    const { study, runs } = studyFixture({ targets: ['pg-batch'] })
    const earlier = runs.map((run) => {
      const architecture = { ...run.architecture }
      delete architecture.batches
      return RunRecord.parse({ ...run, architecture })
    })
    const findings = judgeStudy({ study, runs: earlier, triggers: [] })
    expect(targetOf(findings, 'pg-batch').limit?.moves).toBe(
      'more replicas of the service, or many requests in one commit if it does not do that yet',
    )
  })

  it('adds up CPU by service and engine, without the driver, and bytes over all stores', () => {
    const dual = targetOf(findings, 'dual-write')
    expect(dual.cpuMsPer1000.service).toBeCloseTo(123.2, 1)
    expect(dual.cpuMsPer1000.engine).toBeCloseTo(138.5, 1)
    expect(dual.storedBytesPerEvent).toBeCloseTo(215 + 272 + 31.4, 1)
    expect(targetOf(findings, 'clickhouse-direct').walBytesPerEvent).toBeNull()
  })

  it('takes the slowest store for freshness and the strongest promise for durability', () => {
    const dual = targetOf(findings, 'dual-write')
    expect(dual.freshnessUs?.p50).toBeGreaterThan(500_000)
    expect(dual.durability).toBe('power-loss')
    expect(targetOf(findings, 'clickhouse-direct').durability).toBe('process-kill')
  })

  it('ranks where rounds separate, says across which tiers, and does not where they overlap', () => {
    const ranking = (metric: string): Findings['rankings'][number] =>
      findings.rankings.find((one) => one.metric === metric)!
    expect(ranking('rate.sustainedPerS').order).toEqual([
      'clickhouse-direct',
      'pg-batch',
      'pg-direct',
      'dual-write',
    ])
    expect(ranking('rate.sustainedPerS').because).toContain('across durability tiers')
    expect(ranking('latency.p99Us').order).toBeNull()
    expect(ranking('latency.p99Us').because).toMatch(/overlap/)
    expect(ranking('wal.bytesPerEvent').order).toEqual(['pg-batch', 'pg-direct', 'dual-write'])
    expect(ranking('wal.bytesPerEvent').because).toContain('clickhouse-direct has none')
  })

  it('says it in sentences that can be repeated', () => {
    expect(targetOf(findings, 'pg-direct').sentence).toBe(
      'pg-direct holds 4,000 events/s on this machine, 10× the declared 400 events/s; its first limit is service CPU, p99 > 50 ms at 8,000 events/s; of 10 documented triggers one fires (E4: more than 500 million rows a month) and one is unknown (E3: aggregations > 5 s); at 5–12 % growth a month the next (WAL > 100 MB/min) fires between January 2028 and October 2030.',
    )
    expect(findings.verdict).toContain('pg-batch carries 400 events/s: it holds 8,000 events/s')
    expect(findings.verdict).toContain(
      'clickhouse-direct survives process-kill where power-loss is needed',
    )
    expect(findings.phase).toBe(
      'Phase 1 (0–5,000 events/s): PostgreSQL only, one primary and a read replica; 400 events/s is 8 % of its upper end',
    )
  })

  it('is a pure function of its records', () => {
    expect(JSON.stringify(judgeStudy({ ...studyFixture(), triggers }))).toBe(
      JSON.stringify(findings),
    )
  })
})

describe('a profile', () => {
  it('can be another one than the study was run for', () => {
    const profile = { ...HEALTHY.study.profile, ratePerS: 3_000 }
    const findings = judgeStudy({ ...HEALTHY, triggers, profile })
    expect(targetOf(findings, 'pg-direct').sentence).toMatch(
      /^pg-direct holds 4,000 events\/s on this machine with 33 % headroom to its first limit \(service CPU, p99 > 50 ms at 8,000 events\/s\);/,
    )
    expect(targetOf(findings, 'dual-write').sentence).toContain(
      '33 % short of the declared 3,000 events/s',
    )
    expect(findings.verdict).toContain('dual-write holds only 2,000 events/s')
  })

  it('is told plainly where rounds held nothing at all and others did', () => {
    const tweak = (run: RunRecord): RunRecord =>
      run.round === 1 && run.outcome.state === 'completed'
        ? {
            ...run,
            outcome: { ...run.outcome, measured: { ...run.outcome.measured, sustainedPerS: null } },
          }
        : run
    const { sentence } = targetOf(findingsOf({ tweak }), 'pg-direct')
    expect(sentence).toMatch(
      /^pg-direct kept no measured rate in some rounds and up to [\d,]+ events\/s in others on this machine \(declared: 400 events\/s\)/,
    )
    expect(sentence).not.toMatch(/% short/)
  })

  it('is enough where nothing fires, and says by when the first will', () => {
    const profile = { ...HEALTHY.study.profile, ratePerS: 150 }
    const { verdict } = judgeStudy({ ...HEALTHY, triggers, profile })
    expect(verdict).toContain('pg-batch is enough for 150 events/s')
    expect(verdict).toContain('of 10 documented triggers none fires')
    expect(verdict).toContain(
      'the first (more than 500 million rows a month) fires between January and April 2027',
    )
  })

  it('that no target suits is told why, target by target', () => {
    const profile = { ...HEALTHY.study.profile, ratePerS: 60_000 }
    const { verdict, phase } = judgeStudy({ ...HEALTHY, triggers, profile })
    expect(verdict).toMatch(
      /^No target measured here is shown to suit 60,000 events\/s: pg-direct holds only/,
    )
    expect(phase).toContain('Phase 3')
  })

  it('with no growth sees nothing fire within the horizon', () => {
    const profile = {
      ...HEALTHY.study.profile,
      ratePerS: 150,
      growthPerMonthRatio: { low: 0, mid: 0, high: 0 },
    }
    const { verdict } = judgeStudy({ ...HEALTHY, triggers, profile })
    expect(verdict).toContain('at 0 % growth a month none of those that hold fires within 5 years')
  })
})

describe('rounds that do not count', () => {
  const spoil =
    (state: 'void' | 'audit-failed' | 'aborted' | 'failed', rounds: readonly number[]) =>
    (run: RunRecord): RunRecord =>
      run.target.name === 'pg-direct' && rounds.includes(run.round) ? withOutcome(run, state) : run

  it('are left out of every figure and named with their reason', () => {
    const findings = findingsOf({ tweak: spoil('void', [2]) })
    const target = targetOf(findings, 'pg-direct')
    expect(target.rounds).toEqual([1, 3])
    expect(target.discarded).toEqual([
      { round: 2, because: 'void: 3.2 % of requests waited for a connection', isMadeAgain: false },
    ])
    expect(findings.caveats.join(' ')).toContain('pg-direct has 2 of the 3 rounds a ranking needs')
    const ranking = findings.rankings.find((one) => one.metric === 'rate.sustainedPerS')
    expect(ranking?.order).toBeNull()
    for (const one of target.judgements) {
      if ('runs' in one.verdict) {
        expect(one.verdict.runs.some((id) => id.includes('r2'))).toBe(false)
      }
    }
  })

  it('count by the run that was made again for them, and say so', () => {
    const findings = findingsOf({
      again: ({ target, round }) => target.name === 'pg-direct' && round === 2,
    })
    expect(targetOf(findings, 'pg-direct').rounds).toEqual([1, 2, 3])
    const said = findings.caveats.join(' ')
    expect(said).toContain('pg-direct: not counted: round 2 (made again): void: 3.2 %')
    expect(said).not.toContain('rounds a ranking needs')
    const order = (one: Findings) =>
      one.rankings.find(({ metric }) => metric === 'rate.sustainedPerS')?.order
    expect(order(findings)).toEqual(order(findingsOf({})))
  })

  it('give their reason once where it is the same in all, with its documented code', () => {
    const findings = findingsOf({ tweak: spoil('failed', [1, 2, 3]) })
    const { sentence } = targetOf(findings, 'pg-direct')
    expect(sentence).toBe(
      'pg-direct is not judged: rounds 1, 2, 3: failed: postgres did not answer [ENGINE_NOT_READY].',
    )
    expect(findings.caveats.join(' ')).not.toContain('did not answer')
  })

  it('still count for what was lost: an audit that failed is never forgotten', () => {
    const findings = findingsOf({ tweak: spoil('audit-failed', [1]) })
    const target = targetOf(findings, 'pg-direct')
    expect(target.rounds).toEqual([2, 3])
    expect(target.lostEvents).toBe(2)
    expect(target.auditPassed).toBe(false)
    expect(target.sentence).toContain('an audit of it failed')
    expect(findings.verdict).toContain('pg-direct failed an audit')
  })

  it('leave a target unjudged when none remains, and the others comparable without it', () => {
    for (const state of ['void', 'aborted', 'failed'] as const) {
      const findings = findingsOf({ tweak: spoil(state, [1, 2, 3]) })
      const target = targetOf(findings, 'pg-direct')
      expect(target.sustainedPerS).toBeNull()
      expect(target.latencyUs).toBeNull()
      expect(target.sentence).toMatch(/^pg-direct is not judged: rounds? 1/)
      expect(target.judgements[0]?.verdict.state).toBe('unknown')
      expect(target.judgements[1]?.verdict.state).toBe('holds')
      expect(targetOf(findings, 'pg-batch').comparedAtPerS).toBe(2000)
      expect(findings.caveats.join(' ')).toContain('(without pg-direct)')
    }
  })

  it('may be all of them: a study cut short before its first run still says what it can', () => {
    const { study } = studyFixture({ targets: ['pg-direct'], rounds: 1 })
    const cut = { ...study, cutShort: 'interrupted in round 1', runs: [] }
    const findings = judgeStudy({ study: cut, runs: [], triggers })
    expect(findings.caveats[0]).toBe('The study was cut short: interrupted in round 1.')
    expect(targetOf(findings, 'pg-direct').sentence).toBe(
      'pg-direct is not judged: it was not run.',
    )
    expect(findings.verdict).toContain('No target measured here is shown to suit')
  })
})
