/** A service of a user's own behind TLS: verified against his own authority, and refused where it is not the one. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RunRecord } from '../../src/results/record.ts'
import { headroom, startHeadroom, temporaryFolder } from '../cli/cli-process.ts'
import { makeAuthority } from '../fixtures/certificates.ts'

const authority = makeAuthority()
const { certificate, key } = authority.issue({
  commonName: 'mine',
  hosts: ['localhost', '127.0.0.1'],
})
const held = new Map<string, unknown>()
const tokens = new Set<string | undefined>()
const server = createServer({ cert: certificate, key }, serve)

let folder: ReturnType<typeof temporaryFolder>
let port: number
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  ;({ port } = server.address() as AddressInfo)
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})
beforeEach(() => {
  folder = temporaryFolder()
  mkdirSync(join(folder.path, 'targets'))
  writeFileSync(join(folder.path, 'short.yaml'), SHORT)
  writeFileSync(join(folder.path, 'targets/mine.pem'), authority.certificate)
  writeFileSync(join(folder.path, 'targets/other.pem'), makeAuthority().certificate)
})
afterEach(() => {
  folder.remove()
})

const SHORT = `
name: short
seed: 2
rate: { kind: constant, ratePerS: 100 }
phases: { warmupS: 0, measureS: 2, drainS: 1 }
queries: [{ name: Q1, everyS: 0.5 }]
initialRows: 100
slowDisk: never
`

describe('a service behind TLS', () => {
  it('is measured, asked and audited over verified connections, with its token in every request', async () => {
    const env = { MY_TOKEN: 'canary-token-51aa' }
    const result = await run('mine.pem', env)
    expect(result).toMatchObject({ exitCode: 0 })
    const { outcome } = onlyRecord()
    if (outcome.state !== 'completed') throw new Error(JSON.stringify(outcome))
    expect(outcome.audit.stores[0]).toMatchObject({ verdict: 'whole', acceptedEvents: 200 })
    expect(outcome.measured.queries).toMatchObject([{ name: 'Q1', failed: 0 }])
    expect([...tokens]).toEqual(['Bearer canary-token-51aa'])
    expect(reportPage()).toContain('name its tables under engines in the target')
    expect(reportPage()).not.toContain('canary-token')
  })

  it.each([
    [
      'another authority than its own',
      'other.pem',
      /the authority you named has not signed.*ca: in the target/s,
    ],
    ['no authority at all', null, /no known authority has signed.*ca: in the target/s],
  ])('is not believed with %s', async (_, ca, words) => {
    const before = held.size
    const result = await run(ca, { MY_TOKEN: 'x' })
    expect(result.exitCode).toBe(69)
    expect(result.stdout + result.stderr).toMatch(words)
    expect(held.size).toBe(before)
  })

  it('is left alone at Ctrl-C, and what was measured until then is kept', async () => {
    writeFileSync(join(folder.path, 'short.yaml'), SHORT.replace('measureS: 2', 'measureS: 60'))
    writeFileSync(join(folder.path, 'targets/mine.yaml'), target('mine.pem'))
    const running = startHeadroom(['run', './short.yaml', '--target', 'mine'], {
      cwd: folder.path,
      env: { MY_TOKEN: 'x' },
    })
    await running.said(/events\/s, p99/)
    running.child.kill('SIGINT')
    const result = await running.ended
    expect(result.exitCode).toBe(130)
    expect(onlyRecord().outcome).toMatchObject({ state: 'aborted', by: 'signal', audit: null })
    expect(server.listening).toBe(true)
  })
})

async function run(ca: string | null, env: Readonly<Record<string, string>>) {
  writeFileSync(join(folder.path, 'targets/mine.yaml'), target(ca))
  return await headroom(['run', './short.yaml', '--target', 'mine'], { cwd: folder.path, env })
}

function target(ca: string | null): string {
  return `
kind: service
name: mine
url: https://localhost:${String(port)}/base/
${ca === null ? '' : `ca: ${ca}`}
headers: { authorization: "Bearer \${env.MY_TOKEN}" }
audit: { by: reads, settleS: 1 }
queries: [Q1]
process: { pid: ${String(process.pid)} }
`
}

function reportPage(): string {
  const reports = join(folder.path, 'reports')
  return readFileSync(join(reports, readdirSync(reports)[0] ?? '', 'index.html'), 'utf8')
}

function onlyRecord(): RunRecord {
  const [file] = readdirSync(join(folder.path, 'results'), {
    recursive: true,
    encoding: 'utf8',
  }).filter((name) => name.endsWith('run.json'))
  return RunRecord.parse(JSON.parse(readFileSync(join(folder.path, 'results', file ?? ''), 'utf8')))
}

/** The contract's smallest part, below a path of its own. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? ''
  const say = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  if (path.startsWith('/base/v1/')) tokens.add(request.headers.authorization)
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    if (request.method === 'POST' && path === '/base/v1/events') {
      const event = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>
      held.set(`${event['organization_id'] ?? ''}/${event['transaction_id'] ?? ''}`, event)
      say(200, { accepted: 1, duplicate: 0, rejected: 0 })
    } else if (path.startsWith('/base/v1/events/')) {
      const event = held.get(path.slice('/base/v1/events/'.length))
      if (event === undefined) say(404, { error: 'NO_SUCH_EVENT' })
      else say(200, { event, stale: false })
    } else if (path.startsWith('/base/v1/queries/')) {
      say(200, { rows: [{ events: held.size }], meta: { rowsRead: held.size, bytesRead: null } })
    } else say(404, {})
  })
}
