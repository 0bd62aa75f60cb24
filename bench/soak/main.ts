/**
 * `npm run soak [-- name…] [--out dir]`: what takes longer than a test may. In: names of soaks, none for all. Out: a
 * summary of each; exit code 0 when all passed, 1 when one failed, 64 for bad flags, 130 when interrupted. They run one
 * after another, never beside each other.
 */
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from '../../src/collect/machine.ts'
import { ERROR_EXIT_CODES, HeadroomError, messageOf } from '../../src/kit/errors.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { formatDurationS } from '../../src/kit/units.ts'
import { headroomVersion } from '../../src/study/headroom-version.ts'
import { SOAK_EVENTS } from './audit-100m.ts'
import { auditMemory } from './audit-memory.ts'
import { dayReport } from './day-report.ts'
import { driverMemory } from './driver-memory.ts'
import { kills } from './kills.ts'
import { claims, faults, sweeps } from './matrices.ts'
import type { Soak, SoakFindings, SoakOptions, SoakSummary } from './soak.ts'
import { readSummary, writeSummary } from './summary.ts'

const SOAKS: readonly Soak[] = [driverMemory, auditMemory, dayReport, kills, faults, claims, sweeps]
const OUT = join(packageRoot, 'results', 'baselines', 'soak')
const FULL = {
  seconds: 1_800,
  events: SOAK_EVENTS,
  positions: 20,
  rounds: 1,
  'limit-s': 36_000,
  seed: 42,
}
/** What a seed may be at most, and more than any other flag needs. */
const WHOLE_MAX = 2 ** 31 - 1

const HELP = `npm run soak [-- name…] [--out dir]

${SOAKS.map(({ name, title }) => `  ${name.padEnd(14)} ${title}`).join('\n')}

  --out dir        where the summaries go (default results/baselines/soak)
  --seconds n      length of driver-memory (${String(FULL.seconds)})
  --events n       ids of audit-100m (${String(FULL.events)})
  --positions n    kill moments per component of kills (${String(FULL.positions)})
  --rounds n       rounds of every sweep of sweeps (${String(FULL.rounds)})
  --limit-s n      kills, faults, claims and sweeps begin nothing more after so long (${String(FULL['limit-s'])})
  --resume         faults, claims and sweeps keep what the summary in --out says came to its end, and run the rest
  --seed n         what draws the events and the moments (${String(FULL.seed)})
`

const log = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      out: { type: 'string', default: OUT },
      seconds: { type: 'string' },
      events: { type: 'string' },
      positions: { type: 'string' },
      rounds: { type: 'string' },
      'limit-s': { type: 'string' },
      resume: { type: 'boolean', default: false },
      seed: { type: 'string' },
    },
  })
  if (values.help === true) {
    process.stdout.write(HELP)
    return 0
  }
  const whole = (flag: keyof typeof FULL): number => wholeNumber(flag, values[flag] ?? FULL[flag])
  const dir = resolve(values.out)
  const options: SoakOptions = {
    seconds: whole('seconds'),
    events: whole('events'),
    positions: whole('positions'),
    rounds: whole('rounds'),
    limitS: whole('limit-s'),
    seed: whole('seed'),
    signal: interrupted(),
    log,
  }
  const soaks = named(positionals)
  for (const soak of soaks) {
    const about = formatDurationS(soak.estimateS(options))
    log(`${soak.name}: ${soak.plan(options)}; about ${about}`)
  }
  let failed = 0
  for (const soak of soaks) {
    const earlier = values.resume ? await readSummary(dir, soak.name) : null
    const summary = await soakOnce(soak, options, { dir, earlier })
    await writeSummary(dir, summary)
    if (!summary.passed) failed++
  }
  log(`summaries: ${dir}`)
  return failed === 0 ? 0 : 1
}

async function soakOnce(
  soak: Soak,
  options: SoakOptions,
  { dir, earlier }: { readonly dir: string; readonly earlier: SoakSummary | null },
): Promise<SoakSummary> {
  const before = loadNow()
  const headroom = await headroomVersion()
  const startedAt = new Date().toISOString()
  const startMs = performance.now()
  const summaryOf = (findings: SoakFindings): SoakSummary => ({
    schemaVersion: 1,
    name: soak.name,
    title: soak.title,
    plan: soak.plan(options),
    startedAt,
    tookS: Math.round((performance.now() - startMs) / 1_000),
    passed: findings.criteria.every(({ met }) => met),
    headroom,
    machine: describeMachine(null),
    load: { before, after: loadNow() },
    ...findings,
  })
  const keep = (soFar: SoakFindings): Promise<void> => writeSummary(dir, summaryOf(soFar))
  const findings = await soak
    .run(options, { earlier, keep })
    .catch((error: unknown) => brokenOff(error, options.signal))
  for (const { what, limit, seen, met } of findings.criteria) {
    log(`${soak.name}: ${met ? 'ok  ' : 'FAIL'} ${what}: ${seen} (${limit})`)
  }
  const summary = summaryOf(findings)
  const { passed, tookS } = summary
  log(`${soak.name}: ${passed ? 'passed' : 'failed'} after ${formatDurationS(tookS)}`)
  return summary
}

/** A soak that could not be run has failed; the next ones are run all the same. */
function brokenOff(error: unknown, signal: AbortSignal): SoakFindings {
  signal.throwIfAborted()
  const hint = error instanceof HeadroomError && error.hint !== null ? ` (${error.hint})` : ''
  const seen = `${messageOf(error)}${hint}`
  const criterion = { what: 'it ran to its end', limit: 'yes', seen, met: false }
  return { criteria: [criterion], tables: [], notes: [], data: null }
}

function named(names: readonly string[]): readonly Soak[] {
  const unknown = names.filter((name) => SOAKS.every((soak) => soak.name !== name))
  if (unknown.length > 0)
    throw new HeadroomError('BAD_INPUT', `no soak ${unknown.join(', ')}\n${HELP}`)
  return names.length === 0 ? SOAKS : SOAKS.filter(({ name }) => names.includes(name))
}

function wholeNumber(flag: string, value: string | number): number {
  const number = Number(value)
  if (Number.isInteger(number) && number > 0 && number <= WHOLE_MAX) return number
  const fits = `give a whole number from 1 to ${String(WHOLE_MAX)}`
  throw new HeadroomError('BAD_INPUT', `--${flag} is ${String(value)}: ${fits}`)
}

function loadNow(): number {
  return loadavg()[0] ?? 0
}

/** The first signal lets the soak clean up; the second ends it at once, and the guardian ends its children. */
function interrupted(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130)
      log(`${name}: stopping and cleaning up`)
      controller.abort(new HeadroomError('INTERRUPTED', `interrupted by ${name}`))
    })
  }
  return controller.signal
}

function exitCodeOf(error: unknown): number {
  if (error instanceof HeadroomError) return ERROR_EXIT_CODES[error.code]
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code.startsWith('ERR_PARSE_ARGS') ? ERROR_EXIT_CODES.BAD_INPUT : 1
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    log(messageOf(error))
    process.exitCode = exitCodeOf(error)
  },
)
