import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HeadroomError } from '../../src/kit/errors.ts'
import { parseYamlText } from '../../src/kit/yaml-door.ts'
import { Experiment, SCALES, stepsOf } from '../../src/scenario/experiment.ts'
import { experimentFindings } from '../../src/scenario/experiment-findings.ts'
import { figuresOfStep } from '../../src/scenario/experiment-step.ts'
import { loadClaims } from '../../src/scenario/load-claims.ts'

/** What issue 5 asks for, of mission-map section 1 G. */
const LEDGER = [1, 2, 3, 4, 5, 6, 7, 19, 20, 21, 22, 23, 24, 29, 30, 31, 38, 39].map(
  (number) => `G${String(number)}`,
)
const QUARTER_HOUR_S = 900

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'headroom-claims-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act()
  } catch (error) {
    if (!(error instanceof HeadroomError)) throw error
    if (error.problems.length === 0) return [`${error.message} ${error.hint ?? ''}`]
    return error.problems.map(({ line, path, message, remedy }) =>
      [String(line), path, message, remedy].join(' | '),
    )
  }
  return []
}

describe('the shipped claims', () => {
  it('are those of the ledger, in its order, each with an experiment that leaves its figures', () => {
    expect(loadClaims([]).claims.map(({ id }) => id)).toEqual(LEDGER)
  })

  it('take less than a quarter of an hour at the default scale, by their own estimate', () => {
    const { experiments } = loadClaims([])
    const estimatedS = experiments.reduce((sum, { scales }) => sum + scales.small.estimatedS, 0)
    expect(estimatedS).toBeLessThan(QUARTER_HOUR_S)
  })

  it('have the rounds that a time needs wherever a time is judged', () => {
    const { claims, experiments } = loadClaims([])
    const few = claims.filter(({ experiment, measures }) => {
      const scales = experiments.find(({ name }) => name === experiment)?.scales
      const judged = measures.some(({ kind, role }) => kind === 'time' && role !== 'context')
      return judged && ((scales?.small.rounds ?? 0) < 3 || (scales?.full.rounds ?? 0) < 3)
    })
    expect(few.map(({ id }) => id)).toEqual([])
  })

  it('explain every counter that may differ from what was seen', () => {
    const loose = loadClaims([]).claims.flatMap(({ id, measures }) =>
      measures
        .filter(({ kind, seen }) => kind === 'counter' && seen !== undefined)
        .filter(({ seen }) => (seen?.within ?? 0) > 0.1 && seen?.differs === undefined)
        .map(({ says }) => `${id}: ${says}`),
    )
    expect(loose).toEqual(['G20: the same with full-page images compressed by lz4'])
  })

  it('are found by id in any case, and by path', () => {
    expect(loadClaims(['g2', 'G1']).claims.map(({ id }) => id)).toEqual(['G2', 'G1'])
    expect(loadClaims(['G1', 'G2', 'G3']).experiments.map(({ name }) => name)).toEqual([
      'index-cost',
    ])
    expect(problemsOf(() => loadClaims(['G99']))[0]).toContain('there is no claim "G99"')
  })
})

describe('a claim of one’s own', () => {
  const written = (measure: string): string => {
    const file = join(dir, 'mine.yaml')
    writeFileSync(
      file,
      [
        'id: N1',
        'title: mine',
        'source: { document: d, file: f, quote: q }',
        'conditions: c',
        'experiment: index-cost',
        'measures:',
        `  - ${measure}`,
      ].join('\n'),
    )
    return file
  }

  it('is refused where its formula names a figure that its experiment does not leave, with the line', () => {
    const file = written(
      '{ says: x, value: full.load.second, unit: s, kind: time, documented: { atMost: 1 } }',
    )
    const [problem] = problemsOf(() => loadClaims([file]))
    expect(problem).toMatch(
      /^7 \| measures\[0\]\.value \| the experiment leaves no figure full\.load\.second/,
    )
    expect(problem).toContain('full.load.s')
  })

  it('is refused where a sentence of its reading hangs on a figure that its experiment does not leave', () => {
    const file = written(
      '{ says: x, value: full.load.s, unit: s, kind: time, documented: { atMost: 1 } }',
    )
    const reading = '{ says: y, value: full.load.second, kind: time, within: { atMost: 1 } }'
    appendFileSync(file, `\nreadings:\n  - ${reading}\n`)
    expect(problemsOf(() => loadClaims([file]))).toEqual([
      expect.stringMatching(
        /^9 \| readings\[0\]\.value \| the experiment leaves no figure full\.load\.second/,
      ) as string,
    ])
  })

  it('is refused where its formula is no arithmetic, and where nothing decides it', () => {
    const broken = written(
      "{ says: x, value: 'full.load.s /', unit: s, kind: time, role: context }",
    )
    expect(problemsOf(() => loadClaims([broken]))).toEqual([
      expect.stringContaining('missing at the end') as string,
      expect.stringContaining('no measure decides the claim') as string,
    ])
    const boundless = written('{ says: x, value: full.load.s, unit: s, kind: time }')
    expect(problemsOf(() => loadClaims([boundless]))[0]).toContain('needs what is documented')
  })
})

describe('an experiment', () => {
  const text = (more: string): string =>
    [
      'name: own',
      'description: one',
      'scales:',
      '  tiny: { estimatedS: 1, values: { rows: 1 } }',
      '  small: { estimatedS: 1, values: { rows: 1 } }',
      '  full: { estimatedS: 1 }',
      more,
    ].join('\n')
  const read = (more: string): readonly string[] =>
    problemsOf(() =>
      parseYamlText(
        Experiment,
        { file: 'own.yaml', text: text(more) },
        { what: 'experiment', check: experimentFindings },
      ),
    )

  it('has a value at every scale for all that it names, told with the line of the scale', () => {
    const [problem] = read(
      "arms: [{ name: a, steps: [{ do: sql, name: s, sql: 'SELECT ${rows}' }] }]",
    )
    expect(problem).toMatch(/^6 \| scales\.full\.values \| arm a uses \$rows, which has no value/)
  })

  it('has arms with names, engines and steps of their own, and clients that know when to stop', () => {
    const step = '{ do: clients, clients: 1 }'
    const problems = read(
      `arms: [{ name: a, engine: other, steps: [${step}] }, { name: a, steps: [] }]`,
    )
    expect(problems.map((problem) => problem.split(' | ')[2])).toEqual([
      'two arms are called a',
      'there is no engine other',
      'clients send sql or insert',
      'clients stop after seconds or calls',
      'an arm has no steps',
    ])
  })

  it('asks a replica only where one follows its engine', () => {
    const arm = "{ name: a, steps: [{ do: refused, name: s, on: replica, sql: 'SELECT 1' }] }"
    expect(read(`arms: [${arm}]`)[0]).toContain('looks at a replica, and engine main has none')
    expect(read(`engines: [{ name: main, replica: true }]\narms: [${arm}]`)).toEqual([])
  })

  it('leaves no two figures of one name in any shipped arm', () => {
    for (const experiment of loadClaims([]).experiments) {
      for (const arm of experiment.arms) {
        const names = stepsOf(experiment, arm).flatMap((step) =>
          'name' in step && step.name !== undefined
            ? figuresOfStep(step).map((figure) => `${step.name ?? ''}.${figure}`)
            : [],
        )
        expect(new Set(names).size, `${experiment.name} ${arm.name}`).toBe(names.length)
      }
      for (const scale of SCALES) expect(experiment.scales[scale].rounds).toBeGreaterThan(0)
    }
  })
})
