/**
 * `npm run bench -- [suite …] [--rounds n] [--json]`: every bar beside its peer, met or not. In: suites. Out: a table,
 * or JSON with --json, on stdout; talk on stderr. A bar that is not met is reported, not an error.
 */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import type { BenchRow, BenchSuite } from './bench-row.ts'
import { messageOf } from '../src/kit/errors.ts'
import { run as bulk } from './bulk.ts'
import { run as driver } from './driver.ts'
import { run as eav } from './eav.ts'
import { run as firstReport } from './first-report.ts'
import { run as generator } from './generator.ts'
import { run as histogram } from './histogram.ts'
import { run as hotPaths } from './hot-paths.ts'
import { run as measuringCost } from './measuring-cost.ts'
import { run as outbox } from './outbox.ts'
import { run as partitions } from './partitions.ts'
import { run as replica } from './replica.ts'
import { run as services } from './services.ts'

const SUITES: Readonly<Record<string, BenchSuite>> = {
  generator,
  histogram,
  'hot-paths': hotPaths,
  driver,
  bulk,
  eav,
  services,
  outbox,
  partitions,
  replica,
  'measuring-cost': measuringCost,
  'first-report': firstReport,
}
const ROUNDS = 5
const USAGE_EXIT_CODE = 64
const INTERRUPTED_EXIT_CODE = 130

const HELP = `npm run bench [-- suite…] [--rounds n] [--json]

  suites: ${Object.keys(SUITES).join(', ')} (default all)

  --rounds n   interleaved rounds beside each peer (default ${ROUNDS}); measuring-cost takes ten pairs from ${ROUNDS} on
  --json       the rows on stdout
`

const { values, positionals } = commandLine()
if (values.help) {
  process.stdout.write(HELP)
  process.exit(0)
}
const rounds = Number(values.rounds ?? ROUNDS)
const wanted = positionals.length === 0 ? Object.keys(SUITES) : positionals
const unknown = wanted.filter((name) => !Object.hasOwn(SUITES, name))
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  const what = unknown.length > 0 ? `no suite ${unknown.join(', ')}` : '--rounds is a count'
  say(`bench: ${what}; suites: ${Object.keys(SUITES).join(', ')}`)
  process.exit(USAGE_EXIT_CODE)
}
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    interrupt.abort(new Error(`stopped by ${name}`))
  })
}

const machine = `${cpus()[0]?.model ?? 'unknown CPU'} × ${cpus().length}, Node ${process.version}`
const done: { suite: string; row: BenchRow }[] = []
for (const suite of wanted) {
  const bench = SUITES[suite]
  if (bench === undefined) continue
  say(`bench: ${suite}, ${rounds} rounds, load average ${(loadavg()[0] ?? 0).toFixed(1)}`)
  for (const row of await rowsOf(suite, bench)) {
    done.push({ suite, row })
    if (!values.json) process.stdout.write(`${textOf(row)}\n`)
  }
}
if (values.json) {
  const rows = done.map(({ suite, row }) => ({ suite, ...row }))
  process.stdout.write(`${JSON.stringify({ machine, rounds, rows }, null, 2)}\n`)
} else {
  const count = (met: boolean | null): number => done.filter(({ row }) => row.met === met).length
  process.stdout.write(
    `${machine}: ${count(true)} bars met, ${count(false)} not met, ${count(null)} not comparable here\n`,
  )
}

function commandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    say(`bench: ${messageOf(error)}\n\n${HELP}`)
    process.exit(USAGE_EXIT_CODE)
  }
}

/** A suite that breaks takes no other with it; the exit code tells. */
async function rowsOf(suite: string, bench: BenchSuite): Promise<readonly BenchRow[]> {
  try {
    return await bench({ rounds, signal: interrupt.signal, log: say })
  } catch (error) {
    if (interrupt.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE)
    say(`bench: ${suite} failed: ${messageOf(error)}`)
    process.exitCode = 1
    return []
  }
}

function textOf(row: BenchRow): string {
  const { ratio, peer, unit } = row
  const verdict = row.met === null ? 'not comparable' : row.met ? 'met' : 'NOT MET'
  const peerText = peer === null ? 'no figure' : `${figure(peer)} ${unit}`
  const ratioText =
    ratio === null
      ? ''
      : `  ratio ${figure(ratio.low)} / ${figure(ratio.mid)} / ${figure(ratio.high)}`
  const lines = [
    `${row.what}: ${verdict} (bar ${row.bar})`,
    `  ours ${figure(row.ours)} ${unit}${ratioText}`,
    `  peer ${peerText}: ${row.peerName}`,
    ...(row.note === '' ? [] : [`  ${row.note}`]),
  ]
  return lines.join('\n')
}

function figure(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
