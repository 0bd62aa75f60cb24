/**
 * The full matrices that tests run in small: every sweep that ships, every fault scenario at its own length, every claim at
 * full scale. Each is the command a user would type; what it finds lies in its study, and here whether it came to its end.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { sweepAsked } from '../../src/cli/sweep-asked.ts'
import { ERROR_EXIT_CODES } from '../../src/kit/errors.ts'
import { DATA_KINDS, dataFiles, nameOf } from '../../src/kit/data-file.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { formatDurationS } from '../../src/kit/units.ts'
import { loadClaims } from '../../src/scenario/load-claims.ts'
import { estimateClaims } from '../../src/study/claims.ts'
import { headroomVersion } from '../../src/study/headroom-version.ts'
import { estimateStudy } from '../../src/study/estimate.ts'
import { pointsTable } from './points-table.ts'
import type { Sitting, Soak, SoakFindings, SoakOptions, SoakSummary, SoakTable } from './soak.ts'

/** What a fault scenario is put on: the target it is about. */
const FAULT_TARGETS: Readonly<Record<string, string>> = {
  'fault-accident': 'pg-batch-archived',
  'fault-between-statements':
    'outbox,./targets/variants/pg-batch-single.yaml,./targets/variants/pg-batch-copy.yaml,./targets/variants/pg-batch-foreign-keys.yaml',
  'fault-between-statements-eav': 'eav',
  'fault-cache-killed': 'eav',
  'fault-database-killed':
    'pg-direct,pg-batch,pg-partitioned,outbox,./targets/variants/outbox-unlogged.yaml,./targets/variants/pg-replica-two.yaml',
  'fault-staging-crashed': 'eav',
  'fault-disk-lost': 'pg-batch-archived',
  'fault-duplicates': 'pg-batch,./targets/variants/pg-batch-dedup-update.yaml',
  'fault-out-of-range': './targets/variants/pg-partitioned-late.yaml',
  'fault-replay-paused': 'pg-replica',
  'fault-replica-killed': 'pg-replica',
  'fault-replica-lag': 'pg-replica',
  'fault-service-killed':
    'pg-direct,pg-batch,pg-partitioned,pg-replica,timescale,outbox,./targets/variants/pg-partitioned-replicas.yaml,./targets/variants/pg-batch-single.yaml,./targets/variants/pg-batch-copy.yaml,./targets/variants/pg-batch-foreign-keys.yaml',
  'fault-slot-stalled': 'pg-batch-slot,pg-batch-slot-bounded',
  'fault-worker-killed': 'outbox',
  'fault-xmin-outbox': 'outbox',
  'fault-xmin-pinned': './targets/variants/pg-batch-dedup-update.yaml,outbox',
}

const FAULT_S = 60
const COMPLAINT_CHARACTERS = 600

const names = (kind: keyof typeof DATA_KINDS): readonly string[] =>
  dataFiles(DATA_KINDS[kind]).map(nameOf)

export const sweeps: Soak = matrix({
  name: 'sweeps',
  title: 'every sweep that ships, whole',
  // The shortest first: a sitting that is cut short has done as many as it could.
  commands: ({ rounds }) =>
    names('sweep')
      .map((name) => ({ name, seconds: sweepS(name, rounds) }))
      .toSorted((one, other) => one.seconds - other.seconds)
      .map(({ name }) => ['sweep', name, '--rounds', String(rounds)]),
  seconds: ({ rounds }) => names('sweep').reduce((sum, name) => sum + sweepS(name, rounds), 0),
})

/** As `headroom sweep --dry-run` says. */
function sweepS(what: string, rounds: number): number {
  const { points } = sweepAsked({ what, rounds, vary: [], set: [] })
  const one = estimateStudy(
    points.map(({ scenario }) => ({
      scenario,
      recordedS: 0,
      recordedEvents: 0,
      startsEngines: true,
    })),
  )
  return one.seconds * rounds
}

export const faults: Soak = matrix({
  name: 'faults',
  title: 'every fault scenario on the targets it is about',
  commands: () =>
    names('scenario')
      .filter((name) => name.startsWith('fault-'))
      .map((name) => ['run', name, '--target', FAULT_TARGETS[name] ?? 'pg-batch']),
  seconds: (_options, commands) => commands * FAULT_S,
})

export const claims: Soak = matrix({
  name: 'claims',
  title: 'every claim at full scale',
  commands: () => [['claims', '--scale', 'full']],
  // As `headroom claims --list --scale full` says.
  seconds: () => estimateClaims(loadClaims([]).experiments, 'full'),
})

interface Matrix {
  readonly name: string
  readonly title: string
  readonly commands: (options: SoakOptions) => readonly (readonly string[])[]
  readonly seconds: (options: SoakOptions, commands: number) => number
}

function matrix({ name, title, commands, seconds }: Matrix): Soak {
  return {
    name,
    title,
    plan: (options) =>
      `runs ${String(commands(options).length)} commands, one after another; begins nothing more after ${String(options.limitS)} s`,
    estimateS: (options) => Math.min(options.limitS, seconds(options, commands(options).length)),
    run: (options, sitting) => runAll(commands(options), options, sitting),
  }
}

/** One command and the sitting it ran in. */
export interface Ended {
  readonly command: string
  readonly startedAt: string
  readonly commit: string
  /** Processes that wanted to run before it, one-minute average. */
  readonly loadBefore: number
  readonly exitCode: number
  readonly tookS: number
  /** The sentence over all targets; of one that failed, the last lines it said. */
  readonly verdict: string
  /** Of a sweep: what was found at each point. */
  readonly points?: SoakTable
}

async function runAll(
  commands: readonly (readonly string[])[],
  options: SoakOptions,
  { earlier, keep }: Sitting,
): Promise<SoakFindings> {
  const out = await mkdtemp(join(tmpdir(), 'headroom-matrix-'))
  const endMs = performance.now() + options.limitS * 1_000
  const ended = keptOf(earlier, commands.map(wordsOf))
  try {
    for (const args of commands) {
      options.signal.throwIfAborted()
      if (ended.has(wordsOf(args))) continue
      if (performance.now() > endMs) break
      const one = await runOne(args, out, options)
      ended.set(one.command, one)
      options.log(
        `${one.command}: exit ${String(one.exitCode)} after ${formatDurationS(one.tookS)}`,
      )
      await keep(findingsOf([...ended.values()], commands.length))
    }
  } finally {
    await rm(out, { recursive: true, force: true })
  }
  return findingsOf([...ended.values()], commands.length)
}

const wordsOf = (args: readonly string[]): string => `headroom ${args.join(' ')}`

/** What earlier sittings brought to its end; what failed, measured too little, or is not asked any more, is not kept. */
export function keptOf(earlier: SoakSummary | null, wanted: readonly string[]): Map<string, Ended> {
  const ended = (earlier?.data ?? []) as readonly Ended[]
  return new Map(
    ended
      .filter((one) => cameToItsEnd(one) && wanted.includes(one.command))
      .filter(({ verdict }) => !UNMEASURED.test(verdict))
      .map((one) => [one.command, one]),
  )
}

async function runOne(
  args: readonly string[],
  out: string,
  { signal }: SoakOptions,
): Promise<Ended> {
  const startedAt = new Date().toISOString()
  const loadBefore = loadavg()[0] ?? 0
  const { commit } = await headroomVersion()
  const startedMs = performance.now()
  const main = join(packageRoot, 'dist', 'src', 'cli', 'main.js')
  const child = spawn(process.execPath, [main, ...args, '--out', out], {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // It takes its engines down by itself.
  const stop = (): boolean => child.kill('SIGINT')
  signal.addEventListener('abort', stop, { once: true })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
  let complained = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complained = (complained + chunk.toString('utf8')).slice(-COMPLAINT_CHARACTERS)
  })
  const [exitCode] = (await once(child, 'close')) as [number | null]
  signal.removeEventListener('abort', stop)
  signal.throwIfAborted()
  const points = await pointsOf(wordsOf(args), said)
  return {
    command: wordsOf(args),
    startedAt,
    commit,
    loadBefore,
    exitCode: exitCode ?? -1,
    tookS: (performance.now() - startedMs) / 1_000,
    verdict: /^verdict\s+(.*)$/m.exec(said)?.[1] ?? complained.trim().replaceAll('\n', ' '),
    ...(points === null ? {} : { points }),
  }
}

/** From the report whose path the command printed; null where it printed none. */
async function pointsOf(command: string, said: string): Promise<SoakTable | null> {
  const folder = /^report\s+(.*)index\.html$/m.exec(said)?.[1]
  if (folder === undefined) return null
  return pointsTable(command, await readFile(resolve(packageRoot, folder, 'report.md'), 'utf8'))
}

/** A broken SLO, and a target that did not come back in time, are findings; a broken promise is a failure. */
function cameToItsEnd({ exitCode }: Ended): boolean {
  return exitCode === 0 || exitCode === ERROR_EXIT_CODES.THRESHOLD_BROKEN
}

/** As a sweep says it: a figure that its question is about and no point has. */
const UNMEASURED = /Not measured at any point: [^.]*/

/** @param wanted how many commands there are */
export function findingsOf(ended: readonly Ended[], wanted: number): SoakFindings {
  const failed = ended.filter((one) => !cameToItsEnd(one))
  const unmeasured = ended.flatMap(({ command, verdict }) => {
    const [words] = UNMEASURED.exec(verdict) ?? []
    return words === undefined ? [] : [`${command}: ${words}`]
  })
  return {
    criteria: [
      {
        what: 'commands that were begun',
        limit: `all ${String(wanted)}`,
        seen: String(ended.length),
        met: ended.length === wanted,
      },
      {
        what: 'commands that did not come to their end, or broke a promise',
        limit: 'none',
        seen: failed.length === 0 ? 'none' : failed.map(({ command }) => command).join('; '),
        met: failed.length === 0,
      },
      {
        what: 'figures that a sweep asks for and no point has',
        limit: 'none',
        seen: unmeasured.length === 0 ? 'none' : unmeasured.join('; '),
        met: unmeasured.length === 0,
      },
    ],
    tables: [
      {
        title: 'Commands',
        columns: ['command', 'started', 'commit', 'load before', 'exit code', 'took', 'verdict'],
        rows: ended.map(({ command, exitCode, tookS, verdict, ...sitting }) => [
          command,
          sitting.startedAt,
          sitting.commit,
          sitting.loadBefore.toFixed(1),
          String(exitCode),
          formatDurationS(tookS),
          verdict,
        ]),
      },
      ...ended.flatMap(({ points }) => points ?? []),
    ],
    notes: [
      'The studies themselves are not kept: each command makes its own again.',
      ...(new Set(ended.map(({ commit }) => commit)).size > 1
        ? ['Made in several sittings: each command names its commit and its moment.']
        : []),
    ],
    data: ended,
  }
}
