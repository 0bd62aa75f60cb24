/** The audit of a hundred million ids in a process of its own, which tells its own peak memory. Issue 3: 512 MB. */
import { mkdtemp, rm } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compiledEntry } from '../../src/kit/paths.ts'
import { spawnDaemon } from '../../src/kit/process.ts'
import { Scope } from '../../src/kit/scope.ts'
import { formatBytes, formatCount, formatRate } from '../../src/kit/units.ts'
import type { AuditSoakResult } from './audit-100m.ts'
import { SOAK_RSS_BYTES_MAX } from './audit-100m.ts'
import type { Soak, SoakFindings, SoakOptions } from './soak.ts'

/** Seen on two busy cores: 1.2 million rows a second, in two passes. */
const ROWS_PER_S = 1_000_000
const TALK_EVERY_MS = 30_000

export const auditMemory: Soak = {
  name: 'audit-100m',
  title: 'Memory of the audit of very many ids',
  plan: ({ events }) =>
    `audits ${formatCount(events)} ids against a store that makes up its rows, with known losses, repetitions and wrong values among them`,
  estimateS: ({ events }) => (2 * events) / ROWS_PER_S,
  run,
}

async function run(options: SoakOptions): Promise<SoakFindings> {
  const result = await auditInChild(options)
  return {
    criteria: [
      {
        what: 'highest resident memory of the process',
        limit: `≤ ${formatBytes(SOAK_RSS_BYTES_MAX)}`,
        seen: formatBytes(result.maxRssBytes),
        met: result.maxRssBytes <= SOAK_RSS_BYTES_MAX,
      },
      {
        what: 'lost, repeated and wrong events found, of those that were put in',
        limit: 'every one and no other',
        // The process ends without a result when one of the counts differs.
        seen: 'every one and no other',
        met: true,
      },
      {
        what: 'ids audited',
        limit: formatCount(options.events),
        seen: formatCount(result.events),
        met: result.events === options.events,
      },
    ],
    tables: [],
    notes: [
      `Two passes, raw rows and readable rows, at ${formatRate(result.rowsPerS).replace('events', 'rows')}; making up the rows is part of it.`,
    ],
    data: result,
  }
}

async function auditInChild(options: SoakOptions): Promise<AuditSoakResult> {
  await using scope = new Scope()
  // Its files lie in a folder of ours: they go even when it is ended by force.
  const dir = await mkdtemp(join(tmpdir(), 'headroom-soak-audit-'))
  scope.defer(() => rm(dir, { recursive: true, force: true }))
  const daemon = scope.use(
    await spawnDaemon({
      name: 'audit soak',
      command: process.execPath,
      args: [compiledEntry('bench/soak/audit-100m.ts'), String(options.events)],
      env: { TMPDIR: dir },
      logFile: null,
      graceMs: 1_000,
    }),
  )
  const { stdout, stderr } = daemon.child
  if (stdout === null || stderr === null) throw new Error('the audit has no output to read')
  const told: string[] = []
  const complaints: string[] = []
  let talkedMs = -Infinity
  lines(stdout, (line) => told.push(line))
  lines(stderr, (line) => {
    complaints.push(line)
    if (complaints.length > 8) complaints.shift()
    if (performance.now() - talkedMs < TALK_EVERY_MS) return
    talkedMs = performance.now()
    options.log(line)
  })
  const onAbort = (): void => {
    void daemon.stop()
  }
  options.signal.addEventListener('abort', onAbort, { once: true })
  scope.defer(() => {
    options.signal.removeEventListener('abort', onAbort)
  })
  await Promise.all([daemon.exited, ended(stdout)])
  options.signal.throwIfAborted()
  const last = told.at(-1)
  if (last === undefined) throw new Error(`the audit gave no result:\n${complaints.join('\n')}`)
  return JSON.parse(last) as AuditSoakResult
}

function lines(input: Readable, onLine: (line: string) => void): void {
  createInterface({ input }).on('line', onLine)
}

/** Readline may hand on its last line after the process is gone. */
function ended(input: Readable): Promise<void> {
  return new Promise((resolve) => {
    input.once('close', resolve)
  })
}
