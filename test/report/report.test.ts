import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Outcome, RunRecord } from '../../src/results/record.ts'
import { renderReport } from '../../src/report/report.ts'
import type { RenderedReport } from '../../src/report/report.ts'
import { viewStudy } from '../../src/report/study-view.ts'
import { withOutcome } from '../fixtures/study.ts'
import { findingsFixture, seriesFixture } from './report-fixture.ts'

type Options = Parameters<typeof findingsFixture>[0]

function reportOf(options: Options = {}, everyMs = 1_000): RenderedReport {
  const findings = findingsFixture(options)
  return renderReport(findings, seriesFixture(findings, everyMs), { pageHref: 'index.html' })
}

const MB = 1e6

describe('a report', () => {
  const report = reportOf()

  it('is the same bytes for the same findings', () => {
    expect(reportOf()).toEqual(report)
    // REPORT_PREVIEW names a folder to look at it in.
    const preview = process.env['REPORT_PREVIEW']
    if (preview !== undefined) {
      mkdirSync(preview, { recursive: true })
      writeFileSync(`${preview}/index.html`, report.html)
      writeFileSync(`${preview}/report.md`, report.markdown)
      writeFileSync(`${preview}/junit.xml`, report.junitXml)
    }
  })

  it('puts no real move below a level that nobody knows', () => {
    const card = /id="trigger-e5"[^]*?<\/article>/.exec(report.html)?.[0]
    expect(card).toMatch(/<dt>Seen elsewhere, at a rate nobody published<\/dt>[^]*Somebody/)
    expect(card).not.toContain('Real moves')
    const rated = /id="trigger-e1"[^]*?<\/article>/.exec(report.html)?.[0]
    expect(rated).toMatch(/<dt>Real moves at or below your rate<\/dt>[^]*Langfuse/)
    expect(rated).not.toContain('Seen elsewhere')
  })

  it('is one file that asks for nothing: no address in any attribute, and a policy that forbids it', () => {
    const { html } = report
    const withoutScripts = html.replace(/<script[^]*?<\/script>/g, '')
    expect(withoutScripts).not.toMatch(/(src|href|action|poster|data)="(?!#)[^"]/)
    expect(withoutScripts).not.toMatch(/url\(|@import/)
    expect(html).toContain('default-src &#39;none&#39;')
    expect(html).not.toContain('sourceMappingURL')
  })

  it('says the verdict before anything else, then evidence, then conditions', () => {
    const order = [
      'verdict',
      'comparison',
      'charts',
      'triggers',
      'limits',
      'integrity',
      'conditions',
    ]
    const places = order.map((id) => report.html.indexOf(`<section id="${id}"`))
    expect(places.every((place) => place > 0)).toBe(true)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  it('names the command, the seed, the machine and the hash of every record', () => {
    for (const words of [
      'headroom run quick --target pg-direct,pg-batch,dual-write,clickhouse-direct',
      'seed 20261121',
      'AMD EPYC 7B13, 2 cores',
      'clickhouse-local 26.7.3',
      'shared_buffers = 512MB',
    ]) {
      expect(report.html).toContain(words)
    }
    expect(report.html.match(/<code>[0-9a-f]{16}<\/code>/g)).toHaveLength(12)
  })

  it('stays below 1.5 MB for a day of four targets, in three rounds or in eight', () => {
    const day = reportOf({ ratesPerS: [400, 800], stepS: 43_200 }, 90_000)
    expect(day.html.length).toBeLessThan(1.5 * MB)
    const rounds = reportOf({ ratesPerS: [400, 800], stepS: 43_200, rounds: 8 }, 90_000)
    expect(rounds.html.length).toBeLessThan(1.5 * MB)
  })
})

describe('what a report says of waiting', () => {
  const findings = findingsFixture({
    tweak: (run) =>
      run.target.name !== 'pg-batch' || run.outcome.state !== 'completed'
        ? run
        : {
            ...run,
            outcome: {
              ...run.outcome,
              measured: {
                ...run.outcome.measured,
                metrics: {
                  ...run.outcome.measured.metrics,
                  'pool.waitMs{service}': 3,
                  'pooler.waitMaxMs{pooler}': 40,
                },
                worst: { ...run.outcome.measured.worst, 'pool.waitMs{service}': 120 },
                queries: run.outcome.measured.queries.map((query, index) =>
                  index === 0
                    ? {
                        ...query,
                        staleRatio: 0.25,
                        saidLagMaxS: 1.5,
                        compared: 40,
                        lackingRatio: 0.05,
                      }
                    : query,
                ),
              },
            },
          },
  })
  const series = new Map(
    [...seriesFixture(findings)].map(([run, keys]) => {
      const points = [...(keys.get('rate.acceptedEventsPerS') ?? [])]
      const [fromMs, toMs] = [points[0]?.t ?? 0, points.at(-1)?.t ?? 0]
      const waits = [
        { t: fromMs - 1, v: 9_000 },
        { t: fromMs, v: 2 },
        { t: fromMs + 1_000, v: 640 },
        { t: toMs + 60_000, v: 8_000 },
      ]
      return [run, new Map([...keys, ['pool.waitMs{service}', waits]])]
    }),
  )
  const { html } = renderReport(findings, series, { pageHref: 'index.html' })
  const cellsOf = (label: string): readonly (readonly string[])[] => {
    const table = new RegExp(`aria-label="${label}"[^]*?<tbody>([^]*?)</tbody>`).exec(html)?.[1]
    return [...(table ?? '').matchAll(/<tr>([^]*?)<\/tr>/g)].map(([, row]) =>
      [...(row ?? '').matchAll(/<t[hd][^>]*>([^]*?)<\/t[hd]>/g)].map(([, cell]) =>
        (cell ?? '').replace(/<[^>]*>/g, '').trim(),
      ),
    )
  }

  it('names the mean, the worst seconds and the highest sample of the wait for a connection of each target that tells it', () => {
    expect(cellsOf('Waiting for a database connection')).toEqual([
      [
        'pg-batch',
        'service',
        expect.stringMatching(/^pool wait p99 \(/),
        ...['3 ms', '120 ms', '640 ms'],
      ],
      ['pg-batch', 'pooler', expect.stringMatching(/^longest pooler wait \(/), '40 ms', '–', '–'],
    ])
  })

  it('names how many answers said they were stale, and the longest lag they told', () => {
    const rows = cellsOf('What answers said of their own age')
    expect(rows).toHaveLength(1)
    expect(rows[0]).toEqual(['pg-batch', 'Q1', expect.any(String), '25 %', '1.5 s'])
    expect(html).toContain('href="#waits"')
  })

  it('names how many answers that claimed to be current lacked a write', () => {
    const rows = cellsOf('Whether readers saw what was acknowledged')
    expect(rows).toEqual([['pg-batch', 'Q1', '40', '5 %']])
  })

  it('has no such section where nothing tells', () => {
    expect(reportOf().html).not.toContain('id="waits"')
  })
})

describe('a report of a study that went wrong', () => {
  const states = ['completed', 'audit-failed', 'void', 'aborted', 'failed'] as const

  for (const state of states.filter((one) => one !== 'completed')) {
    it(`is drawn and says so at the top when every run is ${state}`, () => {
      const report = reportOf({ rounds: 1, tweak: (run) => withOutcome(run, state) })
      const top = report.html.slice(0, report.html.indexOf('<h1'))
      expect(top).toContain('This is not a complete result.')
      expect(report.markdown.startsWith('> **This is not a complete result.**')).toBe(true)
    })
  }

  it('is drawn for any mixture of outcomes', () => {
    const mixtures = states.flatMap((a) => states.map((b) => [a, b] as const))
    for (const [a, b] of mixtures) {
      const tweak = (run: Parameters<typeof withOutcome>[0]): typeof run => {
        const state: Outcome['state'] = run.round === 1 ? a : b
        return state === 'completed' ? run : withOutcome(run, state)
      }
      const report = reportOf({ targets: ['pg-direct', 'clickhouse-direct'], rounds: 2, tweak })
      const isWhole = a === 'completed' && b === 'completed'
      expect([a, b, report.html.includes('not a complete result')]).toEqual([a, b, !isWhole])
    }
  })

  it('is complete, and draws nothing of a void round, where that was made again', () => {
    const again = ({ target, round }: RunRecord): boolean =>
      target.name === 'pg-direct' && round === 3
    const findings = findingsFixture({ again })
    const { html } = renderReport(findings, new Map(), { pageHref: 'index.html' })
    expect(html).not.toContain('This is not a complete result')
    expect(html).toContain('round 3, again')
    expect(html).toContain('1 of them in place of void ones')
    const view = viewStudy(findings, new Map())
    const [direct] = view.targets
    expect(direct?.counted.map(({ id }) => id.endsWith('-again'))).toEqual([false, false, true])
  })

  it('is drawn for a study that was cut short before its first run ended', () => {
    const whole = findingsFixture({ rounds: 1 })
    const findings = {
      ...whole,
      study: { ...whole.study, cutShort: 'interrupted in round 1 at pg-direct' },
      runs: [],
      targets: [],
    }
    const report = renderReport(findings, new Map(), { pageHref: 'index.html' })
    expect(report.html).toContain('interrupted in round 1 at pg-direct')
    expect(report.html).toContain('clickhouse-direct: no run of it was made')
    expect(report.charts).toEqual([])
  })
})
