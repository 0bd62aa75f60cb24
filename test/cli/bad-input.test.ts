/** Every kind of wrong input: a message a person can act on, a documented exit code, nothing left behind. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { EXIT_CODES } from '../../src/cli/exit-codes.ts'
import { headroom, temporaryFolder } from './cli-process.ts'

const folder = temporaryFolder()
afterAll(folder.remove)

/** A scenario that is right but for what a case changes. */
function scenario(change: (text: string) => string = (text) => text): string {
  const text = [
    'name: mine',
    'seed: 1',
    'rate: { kind: constant, ratePerS: 100 }',
    'phases: { warmupS: 0, measureS: 1, drainS: 1 }',
    'slos:',
    '  - { metric: latency.p99Us, max: 50000, windowS: 1 }',
    '',
  ].join('\n')
  return change(text)
}

const target = 'kind: architecture\nname: mine\narchitecture: pg-direct\n'

interface Case {
  readonly name: string
  readonly args: readonly string[]
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly says: readonly RegExp[]
}

const run = (...more: readonly string[]) => [
  'run',
  './scenario.yaml',
  '--target',
  './target.yaml',
  ...more,
]
const withScenario = (change: (text: string) => string) => ({
  'scenario.yaml': scenario(change),
  'target.yaml': target,
})
const right = withScenario((text) => text)

const cases: readonly Case[] = [
  { name: 'no command', args: [], says: [/say what to do: run, sweep/] },
  {
    name: 'a misspelt command',
    args: ['rnu', 'quick'],
    says: [/no command "rnu"/, /did you mean "run"/],
  },
  {
    name: 'a misspelt flag',
    args: ['run', 'quick', '--traget', 'x'],
    says: [/no flag --traget/, /--target\?/],
  },
  { name: 'a missing target', args: ['run', 'quick'], says: [/--target is missing/, /pg-direct/] },
  {
    name: 'a flag without a value',
    args: ['run', 'quick', '--target'],
    says: [/--target has no value/],
  },
  {
    name: 'a target list that names nothing',
    args: ['run', 'quick', '--target', ','],
    says: [/names nothing/],
  },
  {
    name: 'a flag given twice',
    args: run('--out', 'a', '--out', 'b'),
    says: [/--out is given more than once/],
  },
  {
    name: 'a rate that is no number',
    args: run('--rate', 'many'),
    says: [/--rate is "many"/, /above 0/],
  },
  { name: 'an impossible rate', args: run('--rate', '-5'), says: [/--rate is "-5"/] },
  {
    name: 'growth that would be 800 %',
    args: run('--growth', '8'),
    says: [/800 % a month/, /--growth 0.08 or --growth 8%/],
  },
  { name: 'zero rounds', args: run('--rounds', '0'), says: [/from 1 to/] },
  {
    name: 'rates that do not fit the scenario',
    args: run('--rates', '1,2'),
    files: right,
    says: [/--rates does not fit: scenario mine takes one rate/],
  },
  {
    name: 'an unknown scenario',
    args: ['run', 'quik', '-t', 'pg-direct'],
    says: [/no scenario called "quik"/, /"quick"\?/],
  },
  {
    name: 'an unknown target',
    args: ['run', 'quick', '-t', 'pg-drect'],
    says: [/no target called "pg-drect"/, /"pg-direct"\?/],
  },
  {
    name: 'an unknown profile',
    args: ['run', 'quick', '-t', 'pg-direct', '--profile', 'me'],
    says: [/no profile called "me"/, /sample/],
  },
  { name: 'an unknown run', args: ['report', '2020'], says: [/2020/, /UNKNOWN_RUN/] },
  {
    name: 'an unknown list',
    args: ['list', 'targts'],
    says: [/"targts" is nothing to list/, /"targets"\?/],
  },
  {
    name: 'a scenario file that does not exist',
    args: ['run', './nothing.yaml', '-t', 'pg-direct'],
    files: right,
    says: [/no such file/, /scenario.yaml/],
  },
  {
    name: 'one target twice',
    args: ['run', 'quick', '-t', 'pg-direct,pg-direct'],
    says: [/two of the targets are called "pg-direct"/],
  },
  {
    name: 'broken YAML',
    args: run(),
    files: withScenario((text) => text.replace('}', '')),
    says: [/scenario.yaml:\d/, /close the bracket/],
  },
  {
    name: 'unknown keys, all at once and each with its line',
    args: run(),
    files: withScenario((text) => text.replace('seed: 1', 'seeds: 1').replace('ratePerS', 'rate')),
    says: [
      /3 problems|4 problems/,
      /scenario.yaml:2 {2}seeds: unknown key/,
      /did you mean "seed"/,
      /scenario.yaml:3 {2}rate\.rate: unknown key/,
    ],
  },
  {
    name: 'a rate no machine can send',
    args: run(),
    files: withScenario((text) => text.replace('ratePerS: 100', 'ratePerS: 4000000')),
    says: [
      /scenario.yaml:3 {2}rate\.ratePerS/,
      /no single machine sends that/,
      /raise batchEvents to at least 20/,
    ],
  },
  {
    name: 'a measured phase without an end',
    args: run(),
    files: withScenario((text) => text.replace('measureS: 1, ', '')),
    says: [/measureS is missing: a constant rate has no end/],
  },
  {
    name: 'an SLO on a metric that does not exist',
    args: run(),
    files: withScenario((text) => text.replace('latency.p99Us', 'latency.p99us')),
    says: [/no metric is called "latency.p99us"/, /did you mean "latency.p99Us"/],
  },
  {
    name: 'a spike after the end',
    args: run(),
    files: withScenario((text) =>
      text.replace(
        /rate: .*/,
        'rate: { kind: spike, basePerS: 1, peakPerS: 9, atS: 5, lengthS: 5 }',
      ),
    ),
    says: [/the spike ends after 10 s, the measured phase after 1 s/],
  },
  {
    name: 'recorded events that are not there',
    args: run(),
    files: withScenario((text) =>
      text
        .replace(
          /rate: .*/,
          'rate: { kind: recorded, file: gone.ndjson, format: ndjson, pace: { kind: recorded }, mapping: { organization_id: o, transaction_id: t, external_customer_id: c, code: k, timestamp: s } }',
        )
        .replace('measureS: 1, ', ''),
    ),
    says: [/gone.ndjson does not exist/, /rate\.file/],
  },
  {
    name: 'an unknown architecture',
    args: run(),
    files: { ...right, 'target.yaml': target.replace('pg-direct', 'pg-drect') },
    says: [/target.yaml:3 {2}architecture: no architecture is called "pg-drect"/, /"pg-direct"/],
  },
  {
    name: 'an engine role the architecture does not have',
    args: run(),
    files: {
      ...right,
      'target.yaml': `${target}engines: { databse: { settings: { work_mem: 8MB } } }\n`,
    },
    says: [/no engine in the role "databse"/, /did you mean "database"/],
  },
  {
    name: 'settings the architecture does not take',
    args: run(),
    files: { ...right, 'target.yaml': `${target}settings:\n  poolsize: x\n` },
    says: [/target.yaml:5 {2}settings\.poolsize: unknown key/],
  },
  {
    name: 'a profile that contradicts itself',
    args: run('--profile', './profile.yaml'),
    files: {
      ...right,
      'profile.yaml':
        'name: me\nratePerS: 5\ngrowthPerMonthRatio: 0.1\nretentionDays: 3\nneeds: { replayDays: 9 }\n',
    },
    says: [/profile.yaml:5 {2}needs\.replayDays: replay over 9 days of events that are kept for 3/],
  },
  {
    name: 'an address that is none',
    args: run('--postgres', 'db.example'),
    files: right,
    says: [/--postgres is not an address/, /postgres:\/\/user@host:5432\/database/],
  },
  {
    name: 'an address of another kind',
    args: run(),
    files: right,
    env: { HEADROOM_POSTGRES_DSN: 'mysql://u:hunter22secret@h/d' },
    says: [/HEADROOM_POSTGRES_DSN begins with mysql:/],
  },
  {
    name: 'an engines file that takes its password from nowhere',
    args: run('--engines', './engines.yaml'),
    files: {
      ...right,
      'engines.yaml': 'postgres: { dsn: "postgres://me@h/d", passwordEnv: NOT_SET }\n',
    },
    says: [/takes its password from NOT_SET, which is not set/],
  },
]

describe('bad input', () => {
  it.each(cases.map((entry, index) => ({ ...entry, index })))(
    'ends with 64 and says what to do: $name',
    async ({ args, files = {}, env = {}, says, index }) => {
      const cwd = join(folder.path, String(index))
      mkdirSync(cwd)
      for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)

      const result = await headroom(args, { cwd, env })

      for (const pattern of says) expect(result.stderr).toMatch(pattern)
      expect(result.exitCode).toBe(64)
      expect(result.stdout).toBe('')
      expect(result.stderr).not.toMatch(/\n\s+at /)
      expect(result.stderr).not.toContain('hunter22secret')
      const isList = result.stderr.includes('problem')
      if (!isList) expect(result.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(4)
      expect(readdirSync(cwd).sort()).toEqual(Object.keys(files).sort())
    },
  )

  it('is also one JSON object on stdout with --json', async () => {
    const result = await headroom(['run', 'quik', '-t', 'pg-direct', '--json'], {
      cwd: folder.path,
    })
    const { error } = JSON.parse(result.stdout) as { error: Record<string, unknown> }
    expect(error).toMatchObject({ code: 'UNKNOWN_SCENARIO', exitCode: 64, problems: [] })
    expect(result.exitCode).toBe(64)
  })

  it('has every exit code of the table documented once', () => {
    const codes = EXIT_CODES.map(([code]) => code)
    expect(new Set(codes).size).toBe(codes.length)
  })
})
