/** Services that take nothing, or say so in a way nobody named: what was answered is told, and no rate is held. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunRecord } from '../../src/results/record.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

const LATENCY = '{ metric: latency.p99Us, max: 50000, windowS: 2 }'
const ACCEPTED = '{ metric: outcome.notAcceptedRatio, max: 0.001, windowS: 2 }'

interface Case {
  /** Of the nth request to the service. */
  readonly status: (nth: number) => number
  readonly slo?: string
  readonly stop?: string
  readonly client?: string
  readonly answers?: string
}

async function measured({ status, slo, stop, client, answers }: Case) {
  let requests = 0
  const stored = new Set<string>()
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => (text += String(chunk)))
    request.on('end', () => {
      if (request.method === 'POST') {
        response.statusCode = status(requests++)
        if (response.statusCode === 202) stored.add(idIn(text))
      } else {
        response.statusCode = stored.has(request.url?.split('/').at(-1) ?? '') ? 200 : 404
      }
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const scenario = `
name: short
seed: 1
rate: { kind: constant, ratePerS: 50 }
phases: { warmupS: 0.5, measureS: 3, drainS: 1 }
batchEvents: 1
rounds: 1
slowDisk: never
client: ${client ?? 'raw'}
stop: ${stop ?? 'at-end'}
slos: [${slo ?? LATENCY}]
`
  const target = `
kind: service
name: mine
url: http://127.0.0.1:${String(port)}
audit: { by: reads, value: none, settleS: 0.1 }
${answers ?? ''}
`
  writeFileSync(join(folder.path, 'short.yaml'), scenario)
  writeFileSync(join(folder.path, 'mine.yaml'), target)
  try {
    const flags = ['run', './short.yaml', '--target', './mine.yaml']
    const result = await headroom(flags, { cwd: folder.path })
    const file = readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith('run.json'),
    )
    if (file === undefined) throw new Error(`no record: ${result.stdout}${result.stderr}`)
    const text = readFileSync(join(folder.path, file), 'utf8')
    return {
      ...result,
      said: result.stdout + result.stderr,
      record: RunRecord.parse(JSON.parse(text)),
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** The events of a request, whatever stands around them; the scenario sends them one by one. */
function idIn(text: string): string {
  const id = /"transaction_id":"([^"]+)"/.exec(text)?.[1]
  if (id === undefined) throw new Error(`no identifier in ${text}`)
  return encodeURIComponent(id)
}

describe.each(['raw', 'undici'])('through the %s client', (client) => {
  it('a service that answers 401 to every event holds nothing, whatever the SLOs are', async () => {
    const { exitCode, said, record } = await measured({ status: () => 401, client })
    expect(record.outcome.state).toBe('not-audited')
    expect(said).toMatch(/nothing was accepted: (\d+) of \1 answers were HTTP 401/)
    expect(said).not.toMatch(/nothing broke|held 50|whole|cores of this machine|not identified/)
    expect(exitCode).toBe(69)
  })

  it('an answer of a status that `answers` does not name is told, and blamed on nobody else', async () => {
    const { exitCode, said, record } = await measured({
      status: () => 201,
      client,
      answers: 'answers: { accepted: { status: 200 } }',
    })
    expect(record.outcome).toMatchObject({ state: 'not-audited', code: 'NOTHING_ACCEPTED' })
    expect(said).toMatch(/(\d+) of \1 answers were HTTP 201, which `answers` does not name/)
    expect(said).not.toContain('cores of this machine')
    expect(exitCode).toBe(69)
  })
})

it('a stepped search stops at the first refused rate and says what was answered', async () => {
  const { exitCode, said } = await measured({
    status: () => 401,
    slo: ACCEPTED,
    stop: 'at-first-broken-slo',
  })
  expect(said).toMatch(/answers were HTTP 401/)
  expect(exitCode).toBe(69)
})

it('a rate of which a tenth is refused is not held, and its limit is the answers', async () => {
  const { exitCode, said, record } = await measured({
    status: (nth) => (nth % 10 === 0 ? 403 : 202),
    answers: 'answers: { accepted: { status: 202 }, rejected: { status: 403 } }',
  })
  const { outcome } = record
  if (outcome.state === 'failed') throw new Error(outcome.message)
  expect(outcome.measured).toMatchObject({
    sustainedPerS: null,
    brokenAtPerS: 50,
    saturated: { by: 'answers' },
  })
  const step = outcome.measured?.steps.find(({ kind }) => kind === 'measure')
  expect(step?.notAccepted?.reasons).toEqual([
    { by: 'answer', status: 403, requests: step?.counts.rejected },
  ])
  expect(said).toMatch(/\d+ of \d+ answers were HTTP 403/)
  expect(said).not.toMatch(/cores of this machine|not identified/)
  expect(exitCode).not.toBe(0)
})
