import { describe, expect, it } from 'vitest'
import type { Findings } from '../../src/judge/findings.ts'
import type { Judgement, Verdict } from '../../src/judge/verdict.ts'
import { renderReport } from '../../src/report/report.ts'
import { withOutcome } from '../fixtures/study.ts'
import { findingsFixture } from './report-fixture.ts'

function junitOf(findings: Findings): string {
  return renderReport(findings, new Map(), { pageHref: 'index.html' }).junitXml
}

/** Reads the XML strictly: every tag closed in order, every attribute quoted and escaped. Returns the case elements. */
function casesOf(xml: string): readonly { readonly name: string; readonly inner: string }[] {
  const tag = /<(\/?)([a-z-]+)((?: [a-z]+="[^"<&]*(?:&(?:amp|lt|gt|quot|#\d+);[^"<&]*)*")*)(\/?)>/y
  const text = /[^<&]*(?:&(?:amp|lt|gt|quot|#\d+);[^<&]*)*/y
  const open: string[] = []
  let at = xml.indexOf('?>') + 2
  while (at < xml.length) {
    text.lastIndex = at
    at += text.exec(xml)?.[0].length ?? 0
    if (at === xml.length) break
    tag.lastIndex = at
    const match = tag.exec(xml)
    if (match === null) throw new Error(`not well-formed at: ${xml.slice(at, at + 80)}`)
    const [whole, closes, name, , empty] = match
    if (closes === '/') expect(open.pop()).toBe(name)
    else if (empty !== '/') open.push(name ?? '')
    at += whole.length
  }
  expect(open).toEqual([])
  return [
    ...xml.matchAll(/<testcase [^>]*? name="([^"]*)"[^>]*?(?:\/>|>([^]*?)<\/testcase>)/g),
  ].map(([, name, inner]) => ({ name: name ?? '', inner: inner ?? '' }))
}

function withVerdict(verdict: Verdict): Findings {
  const findings = findingsFixture({ targets: ['pg-direct'], rounds: 1 })
  const [target] = findings.targets
  const judgements: readonly Judgement[] = [{ ...target!.judgements[0]!, verdict }]
  return { ...findings, targets: [{ ...target!, judgements }] }
}

const fired = { state: 'fired', evidence: 'measured', value: 80_000, runs: [] } as const

describe('the report as JUnit', () => {
  it('has a case for every trigger, the audit, the driver and every round of each target', () => {
    const cases = casesOf(junitOf(findingsFixture()))
    expect(cases).toHaveLength(4 * (4 + 2 + 3))
    expect(cases.slice(0, 9).map(({ name }) => name)).toEqual([
      'E1 PostgreSQL write latency p99 &gt; 50 ms',
      'E2 Sustained write rate &gt; 8,000 events/s',
      'E3 Aggregation queries &gt; 5 s',
      'E5 Need for event replay',
      'audit: the stores hold what was acknowledged',
      'driver: the harness was not the limit',
      'round 1 ran to its end',
      'round 2 ran to its end',
      'round 3 ran to its end',
    ])
  })

  it('fails for a critical trigger, passes a warning, and skips what is unknown with the command', () => {
    const inner = (verdict: Verdict): string =>
      casesOf(junitOf(withVerdict(verdict)))[0]?.inner ?? ''
    expect(inner({ ...fired, level: 'critical', because: 'p99 80 ms' })).toMatch(
      /<failure message="[^"]*p99 80 ms"\/>/,
    )
    expect(inner({ ...fired, level: 'warning', because: 'p99 80 ms' })).not.toContain('<failure')
    expect(
      inner({ state: 'unknown', because: 'no run', command: 'headroom run quick --rate 5' }),
    ).toMatch(/<skipped message="no run Run: headroom run quick --rate 5"\/>/)
  })

  it('fails for a failed audit and a driver that was the limit, and reports a lost run as an error', () => {
    const of = (state: Parameters<typeof withOutcome>[1]): readonly string[] =>
      casesOf(
        junitOf(
          findingsFixture({
            targets: ['pg-direct'],
            rounds: 1,
            tweak: (run) => withOutcome(run, state),
          }),
        ),
      ).flatMap(({ name, inner }) => {
        const result = /<(failure|error|skipped)/.exec(inner)?.[1]
        return result === undefined || name.startsWith('E') ? [] : [`${result} ${name}`]
      })
    expect(of('audit-failed')).toEqual(['failure audit: the stores hold what was acknowledged'])
    expect(of('void')).toContain('failure driver: the harness was not the limit')
    expect(of('failed')).toContain('error round 1 ran to its end')
    expect(of('aborted')).toContain('error round 1 ran to its end')
  })

  it('does not fail for a void round that was made again, and names both', () => {
    const findings = findingsFixture({
      targets: ['pg-direct'],
      rounds: 1,
      again: () => true,
    })
    const cases = casesOf(junitOf(findings))
    expect(cases.map(({ name }) => name).slice(-2)).toEqual([
      'round 1 ran to its end',
      'round 1, again ran to its end',
    ])
    const driver = cases.find(({ name }) => name.startsWith('driver'))
    expect(driver?.inner).not.toContain('<failure')
    expect(driver?.inner).toContain('made again, and that counts')
  })

  it('counts what it lists', () => {
    const xml = junitOf(findingsFixture())
    const [, tests, failures, errors, skipped] =
      /tests="(\d+)" failures="(\d+)" errors="(\d+)" skipped="(\d+)"/.exec(xml) ?? []
    expect(Number(tests)).toBe(xml.match(/<testcase /g)?.length)
    expect(Number(failures)).toBe(xml.match(/<failure /g)?.length ?? 0)
    expect(Number(errors)).toBe(xml.match(/<error /g)?.length ?? 0)
    expect(Number(skipped)).toBe(xml.match(/<skipped /g)?.length ?? 0)
  })

  it('stays well-formed whatever the strings hold', () => {
    const hostile = ']]></testcase>"\'<&\u0000\u202e\ud800\n\u2028'
    const cases = casesOf(junitOf(withVerdict({ ...fired, level: 'critical', because: hostile })))
    expect(cases[0]?.inner).toContain('<failure')
  })
})
