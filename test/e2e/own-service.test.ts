/** Services of a user's own, in another language, measured and audited as a user would: through the command line. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../src/kit/ports.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import type { StoreAudit } from '../../src/results/audit-record.ts'
import type { RunRecord } from '../../src/results/record.ts'
import { RunRecord as RunRecordSchema } from '../../src/results/record.ts'
import type { CliResult } from '../cli/cli-process.ts'
import { headroom, startHeadroom, temporaryFolder } from '../cli/cli-process.ts'
import { pythonIsMissing, pythonNote } from '../fixtures/python.ts'

const CANARY = 'canary-5f2d9c41-never-seen'
const examples = join(packageRoot, 'docs/examples/own-service/demo')
const fixtures = join(packageRoot, 'test/fixtures/own-service')

let folder: ReturnType<typeof temporaryFolder>
let port: number
beforeEach(async () => {
  folder = temporaryFolder()
  port = await freePort()
  write('short.yaml', SHORT)
})
afterEach(() => {
  folder.remove()
})

const SHORT = `
name: short
seed: 11
rate: { kind: constant, ratePerS: 200 }
phases: { warmupS: 0.5, measureS: 2, drainS: 1 }
events: { organizations: 3, duplicateRatio: 0.02 }
rounds: 1
slowDisk: never
`

const RECORDED = `
name: short
seed: 1
rate:
  kind: recorded
  file: mine.ndjson
  format: ndjson
  mapping: { organization_id: org, transaction_id: id, external_customer_id: who, code: what, timestamp: at, value: n }
  pace: { kind: recorded }
phases: { warmupS: 0, drainS: 1 }
slowDisk: never
`

describe.skipIf(pythonIsMissing)(
  `a service in Python behind the HTTP contract${pythonNote}`,
  () => {
    it('is started, measured, audited by its own reads, and ended, with new identifiers in every round', async () => {
      write('mine.yaml', contractTarget('service.py'))
      const result = await run(['--rounds', '2'])
      expect(result).toMatchObject({ exitCode: 0 })
      const records = readRecords()
      expect(records).toHaveLength(2)
      for (const record of records) {
        const { outcome } = record
        if (outcome.state !== 'completed') throw new Error(`ended ${outcome.state}`)
        const [audit] = outcome.audit.stores
        expect(audit).toMatchObject({
          by: 'reads',
          verdict: 'whole',
          lostEvents: 0,
          divergedEvents: 0,
        })
        expect(audit?.askedEvents).toBe(audit?.acceptedEvents)
        expect(audit?.acceptedEvents).toBeGreaterThan(400)
        expect(outcome.measured.metrics['cpu.cores{service}']).toBeGreaterThan(0)
      }
      expect(processesNaming(folder.path)).toEqual([])
      // Identifiers of their own: else the second round would have been answered `duplicate` throughout.
      const marks = records.map((record) => record.identifierMark)
      expect(new Set(marks).size).toBe(2)
      for (const { outcome } of records) {
        if (outcome.state !== 'completed') throw new Error(`ended ${outcome.state}`)
        const [step] = outcome.measured.steps.filter(({ kind }) => kind === 'measure')
        expect(step?.counts.accepted).toBeGreaterThan((step?.dueEvents ?? 0) * 0.9)
      }
    })

    it('that drops what it acknowledges is found out, id by id, whatever its counters say', async () => {
      write('mine.yaml', liarTarget('drops', { request: '' }))
      const result = await run([])
      expect(result.exitCode).toBe(71)
      const audit = onlyAudit('audit-failed')
      const dropped = truth()
      expect(dropped.length).toBeGreaterThan(5)
      expect(audit.lostEvents).toBe(dropped.length)
      expect([...audit.lost].sort()).toEqual(dropped)
      expect(audit.because).toContain(`${String(dropped.length)} acknowledged events lost`)
      const report = readFileSync(join(folder.path, readReports()[0] ?? '', 'index.html'), 'utf8')
      expect(report).toContain('audit failed')
    })

    it('is measured beside an architecture in one comparison', async () => {
      write('mine.yaml', contractTarget('service.py'))
      const result = await headroom(
        ['run', './short.yaml', '--target', './mine.yaml,pg-direct', '--initial-rows', '500'],
        { cwd: folder.path },
      )
      expect(result).toMatchObject({ exitCode: 0 })
      const states = readRecords().map(({ target, outcome }) => [target.name, outcome.state])
      expect(states.sort()).toEqual([
        ['mine', 'completed'],
        ['pg-direct', 'completed'],
      ])
      const own = readRecords().find(({ target }) => target.name === 'mine')
      expect(own?.notPreloaded).toContain('500 initial rows')
      expect(result.stdout).toContain('500 initial rows of the scenario cannot be loaded into mine')
    })

    it('whose process ends in the middle of the run ends it as a crash of the service', async () => {
      write('mine.yaml', contractTarget('service.py'))
      write('short.yaml', SHORT.replace('measureS: 2', 'measureS: 60'))
      const running = startHeadroom(['run', './short.yaml', '--target', './mine.yaml'], {
        cwd: folder.path,
      })
      await running.said(/events\/s, p99/)
      for (const pid of pidsNaming(join(folder.path, 'events.sqlite'))) process.kill(pid, 'SIGKILL')
      const result = await running.ended
      expect(result.exitCode).toBe(69)
      expect(readRecords()[0]?.outcome).toMatchObject({ state: 'aborted', by: 'service-crash' })
    })

    it('is not sent a recorded file twice: over rows that are there no audit could tell a loss', async () => {
      const lines = Array.from({ length: 300 }, (_, at) =>
        JSON.stringify({
          org: `org-${String(at % 3)}`,
          id: `r-${String(at)}`,
          who: 'me',
          what: 'call',
          at: 1.7e12 + at * 5,
          n: at / 4,
        }),
      )
      write('mine.ndjson', `${lines.join('\n')}\n`)
      write('short.yaml', RECORDED)
      write('mine.yaml', contractTarget('service.py'))
      await run(['--rounds', '2'])
      const [first, second] = readRecords()
      expect(first?.outcome).toMatchObject({
        state: 'completed',
        audit: { stores: [{ acceptedEvents: 300, lostEvents: 0 }] },
      })
      expect(second?.outcome).toMatchObject({ state: 'failed', code: 'BAD_INPUT' })
      expect(JSON.stringify(second?.outcome)).toContain('already holds events of the recorded file')
    })

    it('that is not audited proves nothing: its figures count for nothing', async () => {
      write('mine.yaml', contractTarget('service.py').replace('by: reads, settleS: 1', 'by: none'))
      const result = await run([])
      expect(readRecords()[0]?.outcome.state).toBe('not-audited')
      expect(result.stdout).toMatch(/not audited, so nothing of it is proven/)
      expect(result.stdout).not.toMatch(/mine holds/)
    })
  },
)

describe.skipIf(pythonIsMissing)(
  `a service in Python behind a request template${pythonNote}`,
  () => {
    it('is measured and audited, and its key appears nowhere, though it prints it', async () => {
      write('mine.yaml', liarTarget('honest', { request: METERING }))
      const running = startHeadroom(['run', './short.yaml', '--target', './mine.yaml'], {
        cwd: folder.path,
        env: { METERING_KEY: CANARY },
      })
      await running.said(/events\/s, p99/)
      const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
      const result = await running.ended
      expect(result).toMatchObject({ exitCode: 0 })
      const audit = onlyAudit('completed')
      expect(audit).toMatchObject({ verdict: 'whole', lostEvents: 0, divergedEvents: 0 })
      expect(audit.value64SumStored).toBe(audit.value64SumExpected)
      expect(processes).not.toContain(CANARY)
      expect(readFileSync(join(runFolder(), 'logs/service.log'), 'utf8')).toContain(
        'the key is <secret>',
      )
      expectNowhere(CANARY, result)
    })

    it('does not count as accepted what its body says is only queued', async () => {
      write('mine.yaml', liarTarget('queues', { request: METERING }))
      const result = await run([], { METERING_KEY: CANARY })
      const audit = onlyAudit('completed')
      expect(audit).toMatchObject({ verdict: 'whole', lostEvents: 0 })
      expect(truth().length).toBeGreaterThan(10)
      expect(audit.unknownEvents).toBe(truth().length)
      // More than 1 % was not accepted: no rate was held.
      expect(result.exitCode).toBe(99)
    })

    it('that stores other values than it was sent is found out, id by id', async () => {
      write('mine.yaml', liarTarget('alters', { request: METERING }))
      const result = await run([], { METERING_KEY: CANARY })
      expect(result.exitCode).toBe(71)
      expect([...onlyAudit('audit-failed').diverged].sort()).toEqual(truth())
    })

    it('that refuses the key is seen to accept nothing', async () => {
      write(
        'mine.yaml',
        liarTarget('honest', { request: METERING.replace('x-metering-key', 'x-other') }),
      )
      await run([], { METERING_KEY: CANARY })
      const { outcome } = readRecords()[0] ?? {}
      const steps =
        outcome !== undefined && 'measured' in outcome ? (outcome.measured?.steps ?? []) : []
      expect(steps.length).toBeGreaterThan(0)
      for (const { counts, dueEvents } of steps) expect(counts.rejected).toBe(dueEvents)
    })

    it('whose key also stands in the file ends with 64, for the file is recorded', async () => {
      write(
        'mine.yaml',
        `${liarTarget('honest', { request: METERING })}\ndescription: my key is ${CANARY}\n`,
      )
      const result = await run([], { METERING_KEY: CANARY })
      expect(result.exitCode).toBe(64)
      expect(result.stderr).toContain('also stands in a file')
      expect(result.stdout + result.stderr).not.toContain(CANARY)
      expect(existsSync(join(folder.path, 'results'))).toBe(false)
    })

    it('without its variable ends with 64 before anything starts', async () => {
      write('mine.yaml', liarTarget('honest', { request: METERING }))
      const result = await run([])
      expect(result.exitCode).toBe(64)
      expect(result.stderr).toContain('METERING_KEY')
      expect(existsSync(join(folder.path, 'results'))).toBe(false)
    })
  },
)

/** How docs/examples/own-service/demo/metering.py is spoken to. */
const METERING = `
headers: { x-metering-key: "\${env.METERING_KEY}" }
request:
  path: /tenants/\${organization_id}/records
  body:
    event: { id: "\${transaction_id}", amount: "\${value}", at: "\${timestamp:epoch_ms}", tags: "\${properties}" }
answers:
  accepted: { status: 202, body: { status: stored } }
  duplicate: { status: 409 }
audit:
  by: reads
  path: /records/\${transaction_id}
  value: data.amount
  settleS: 1
`

function contractTarget(script: string): string {
  return `
kind: service
name: mine
url: http://127.0.0.1:${String(port)}
audit: { by: reads, settleS: 1 }
process:
  command: [python3, ${join(examples, script)}, '${String(port)}', ${join(folder.path, 'events.sqlite')}]
  readyPath: /healthz
`
}

function liarTarget(kind: string, { request }: { readonly request: string }): string {
  const files = [join(folder.path, 'events.sqlite'), join(folder.path, 'truth.txt')]
  return `
kind: service
name: mine
url: http://127.0.0.1:${String(port)}
${request === '' ? 'audit: { by: reads, settleS: 1 }' : request}
process:
  command: [python3, ${join(fixtures, 'liar.py')}, ${kind}, '${String(port)}', ${files.join(', ')}]
  ${request === '' ? 'readyPath: /healthz' : 'env: { METERING_KEY: "${env.METERING_KEY}" }'}
`
}

function write(name: string, text: string): void {
  writeFileSync(join(folder.path, name), text)
}

async function run(
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  return await headroom(['run', './short.yaml', '--target', './mine.yaml', ...flags], {
    cwd: folder.path,
    env,
  })
}

/** What was really done, sorted. */
function truth(): readonly string[] {
  const lines = readFileSync(join(folder.path, 'truth.txt'), 'utf8').trim().split('\n')
  return [...new Set(lines)].sort()
}

function readRecords(): readonly RunRecord[] {
  return filesBelow(join(folder.path, 'results'))
    .filter((file) => file.endsWith('run.json'))
    .sort()
    .map((file) => RunRecordSchema.parse(JSON.parse(readFileSync(file, 'utf8'))))
}

function runFolder(): string {
  const file = filesBelow(join(folder.path, 'results')).find((each) => each.endsWith('run.json'))
  return join(file ?? '', '..')
}

function readReports(): readonly string[] {
  return readdirSync(join(folder.path, 'reports')).map((name) => join('reports', name))
}

function onlyAudit(state: 'completed' | 'audit-failed'): StoreAudit {
  const [record] = readRecords()
  if (record?.outcome.state !== state) {
    throw new Error(`ended ${JSON.stringify(record?.outcome).slice(0, 500)}`)
  }
  const [audit] = record.outcome.audit.stores
  if (audit === undefined) throw new Error('nothing was audited')
  return audit
}

function expectNowhere(secret: string, said: CliResult): void {
  expect(said.stdout).not.toContain(secret)
  expect(said.stderr).not.toContain(secret)
  for (const file of filesBelow(folder.path)) {
    expect(readFileSync(file).includes(secret), file).toBe(false)
  }
}

function filesBelow(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((file) => statSync(file).isFile())
}

function processesNaming(text: string): readonly string[] {
  return execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(text))
}

function pidsNaming(text: string): readonly number[] {
  return processesNaming(text)
    .filter((line) => line.includes('python3'))
    .map((line) => Number(line.trim().split(' ')[0]))
}
