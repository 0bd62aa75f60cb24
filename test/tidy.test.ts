/** The code's own shape: what the style asks and no compiler checks. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { METRICS } from '../src/collect/metrics.ts'
import { packageRoot } from '../src/kit/paths.ts'
import { architectures as registered } from '../src/target/registry.ts'
import type { WholeNeed } from '../src/target/roles.ts'
import { needsOf, withDefaultNeeds } from '../src/target/roles.ts'
import { IMPORT_TABLE, PURE_ROOMS, forbiddenBecause } from '../lint/import-table.js'

const LINES_MAX = 300
const FORBIDDEN_NAMES = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'manager', 'types']

/** Endings that say what a number measures, with what qualifies it behind. */
const UNIT =
  /(Ns|Us|Ms|S|Days|Bytes|KiB|MiB|GiB|Rows|Events|Requests|PerS|Ratio|Cores|Per1000|PerEvent|PerMonth|Sum)(P\d+|Max|Min|Expected|Found|Stored)?$/
/** Numbers that are what their name says: counts of things, positions, identities, points of a distribution. */
const COUNT_NOUNS = new Set(
  `accepted answered before blocks bytesRead bytesSent calls connectErrors connections cores count customers divergedBetweenStores dropped
  duplicate duplicatedReadable failed high highest index infinite last listLimit low max mid organizations p50 p90 p99 p999
  position rejected requests round rounds rows rowsRead samples schema seconds seed shed status t unknown v value`
    .split(/\s+/)
    .filter((word) => word !== ''),
)

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: packageRoot,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(packageRoot, file)))

const shipped = tracked.filter((file) => /^(src|reference-impl)\/.*\.ts$/.test(file))
const read = (file: string) => readFileSync(join(packageRoot, file), 'utf8')

describe('files', () => {
  it('answer one question: none is longer than a few screens', () => {
    const tooLong = shipped
      .map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
      .filter(({ lines }) => lines > LINES_MAX)
    expect(tooLong).toEqual([])
  })

  it('are named by their thing', () => {
    const vague = tracked.filter((file) =>
      FORBIDDEN_NAMES.includes(basename(file).replace(/\.(d\.)?[a-z]+$/, '')),
    )
    expect(vague).toEqual([])
  })

  it('say at their head what comes in and what goes out', () => {
    const silent = shipped.filter((file) => !/^(#!.*\n)?\/(\*\*|\/)/.test(read(file)))
    expect(silent).toEqual([])
  })

  it('name no machine, no build farm and no package registry', () => {
    const hosts = [
      'registry.npmjs',
      'npmmirror',
      'unpkg.com',
      'repo1.maven',
      'jsdelivr',
      'pypi.org',
    ]
    const paths = [/(^|[^A-Za-z0-9_.])\/(work|farm)\//, /\/home\/[a-z]+\//, /\/Users\/[A-Za-z]+\//]
    const texts = tracked.filter(
      (file) => !/\.(png|ttf|woff2|gz|hlog)$/.test(file) && file !== 'test/tidy.test.ts',
    )
    const named = texts.filter((file) => {
      const text = read(file)
      return hosts.some((host) => text.includes(host)) || paths.some((path) => path.test(text))
    })
    expect(named).toEqual([])
  })

  it('keep no test that runs alone', () => {
    const alone = tracked.filter(
      (file) => /^test\/.*\.ts$/.test(file) && /\b(it|test|describe)\.only\(/.test(read(file)),
    )
    expect(alone).toEqual([])
  })
})

describe('package-lock.json', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string }>
  }

  it('holds the optional packages of every platform, or `npm ci` refuses it', () => {
    const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) =>
          lock.packages[`${path}/node_modules/${name}`] === undefined &&
          lock.packages[`node_modules/${name}`] === undefined,
      ),
    )
    expect(missing, 'run npm run lock:complete').toEqual([])
  })

  it('carries no download address', () => {
    const addressed = Object.values(lock.packages).filter((entry) => entry.resolved !== undefined)
    expect(addressed).toEqual([])
  })
})

describe('import table', () => {
  const rooms = readdirSync(join(packageRoot, 'src'))

  it('has one line per room and knows no other', () => {
    const listed = Object.keys(IMPORT_TABLE).filter(
      (room) => !['reference-impl', 'service-kit'].includes(room),
    )
    expect(listed.sort()).toEqual(rooms.sort())
    const named = Object.values(IMPORT_TABLE).flatMap(({ values, types }) => [...values, ...types])
    const unknown = named.filter((room) => !(room in IMPORT_TABLE))
    expect(unknown).toEqual([])
    for (const room of PURE_ROOMS) expect(rooms).toContain(room)
  })

  it('lets nobody know the command line, and kit nobody', () => {
    for (const room of rooms.filter((name) => name !== 'cli')) {
      expect(forbiddenBecause(`src/${room}/a.ts`, 'src/cli/b.ts', true)).not.toBeNull()
    }
    for (const room of rooms.filter((name) => name !== 'kit')) {
      expect(forbiddenBecause('src/kit/a.ts', `src/${room}/b.ts`, true)).not.toBeNull()
    }
  })

  it('keeps architectures apart and lets only the registry name them', () => {
    const other = 'reference-impl/pg-batch/service.ts'
    expect(forbiddenBecause('reference-impl/pg-direct/service.ts', other, true)).not.toBeNull()
    expect(forbiddenBecause('reference-impl/pg-batch/x.ts', other, false)).toBeNull()
    expect(forbiddenBecause('src/target/registry.ts', other, false)).toBeNull()
    for (const room of rooms.filter((name) => name !== 'target')) {
      expect(forbiddenBecause(`src/${room}/a.ts`, other, true)).not.toBeNull()
    }
    expect(forbiddenBecause('src/target/up.ts', other, true)).not.toBeNull()
  })
})

describe('metrics', () => {
  it('are listed once each', () => {
    const ids = METRICS.map((metric) => metric.id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('that the code or a trigger names exist in collect/metrics.ts', () => {
    const groups = new Set(METRICS.map((metric) => metric.id.split('.')[0] ?? ''))
    const ids = new Set<string>(METRICS.map((metric) => metric.id))
    const quoted = new RegExp(
      `['"]((?:${[...groups].join('|')})\\.[a-z][A-Za-z0-9]*)(?:\\{|['"])`,
      'g',
    )
    const unknown = shipped.flatMap((file) =>
      [...read(file).matchAll(quoted)]
        .map((match) => match[1] ?? '')
        .filter((id) => !ids.has(id) && !isNoMetric(id))
        .map((id) => `${file}: ${id}`),
    )
    expect(unknown).toEqual([])
  })
})

describe('architectures', () => {
  const folder = join(packageRoot, 'reference-impl')
  const architectures = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'service-kit')
    .map((entry) => entry.name)
  const allowed = ['architecture.ts', 'service.ts', 'secondary.ts', 'README.md']

  it('are all in the registry, and each can be named as a target', () => {
    expect(registered.map(({ id }) => id).toSorted()).toEqual(architectures.toSorted())
    const unnamed = registered.filter(({ id }) => !tracked.includes(`targets/${id}.yaml`))
    expect(unnamed).toEqual([])
  })

  it('come up under docker-compose.yml by a profile of their own, with the engines they need', () => {
    const { services } = parse(read('docker-compose.yml'), { merge: true, maxAliasCount: -1 }) as {
      services: Record<string, { profiles?: string[]; command?: unknown }>
    }
    const startedBy = registered.map(({ id }) => ({
      id,
      started: Object.keys(services)
        .filter((name) => services[name]?.profiles?.includes(id))
        .toSorted(),
    }))
    expect(startedBy).toEqual(
      registered.map(withDefaultNeeds).map(({ id, alongside = [], needs }) => ({
        id,
        started: [
          ...new Set([
            id,
            ...alongside.map((name) => `${id}-${name}`),
            ...needsOf({ needs }).map(([role, need]) => serviceOf(role, need)),
          ]),
        ].toSorted(),
      })),
    )
  })

  it('have the same file names in every folder', () => {
    for (const name of architectures) {
      const files = readdirSync(join(folder, name))
      const { alongside = [] } = registered.find(({ id }) => id === name) ?? {}
      const processes = alongside.map((process) => `${process}.ts`)
      const missing = ['architecture.ts', 'service.ts', 'README.md', ...processes].filter(
        (needed) => !files.includes(needed),
      )
      const odd = files.filter(
        (file) => !file.endsWith('.sql') && ![...allowed, ...processes].includes(file),
      )
      expect({ name, missing, odd }).toEqual({ name, missing: [], odd: [] })
    }
  })
})

/** An extension has an image of its own. */
function serviceOf(role: string, { kind, of, extensions }: WholeNeed): string {
  if (extensions.includes('timescaledb')) return 'timescaledb'
  return of === null ? kind : `${kind}-${role}`
}

describe('recorded quantities', () => {
  it('end in a unit or are a count noun', () => {
    const files = ['src/results/record.ts', 'src/drive/job.ts', 'src/judge/findings.ts']
    const unclear = files.flatMap((file) =>
      numberFields(file)
        .filter((name) => !UNIT.test(name) && !COUNT_NOUNS.has(name))
        .map((name) => `${file}: ${name}`),
    )
    expect(unclear).toEqual([])
  })
})

/** A figure that judge/figures.ts derives from steps, and a file of cgroups. */
function isNoMetric(id: string): boolean {
  return ['rate.sustainedPerS', 'cpu.max'].includes(id)
}

/** Names of number-typed fields: `x: number` in interfaces, `x: z.number()` and `x: count` in schemas. */
function numberFields(file: string): string[] {
  const names: string[] = []
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2023, true)
  const visit = (node: ts.Node): void => {
    if (ts.isPropertySignature(node) || ts.isPropertyAssignment(node)) {
      const name = node.name.getText()
      const value = ts.isPropertySignature(node) ? node.type : node.initializer
      if (/^(number( \| null)?|z\.(number|int)\(\).*|count)$/.test(value?.getText() ?? '')) {
        names.push(name)
      }
      // Fields of a structure whose own name carries the unit need none.
      if (UNIT.test(name)) return
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return names
}
