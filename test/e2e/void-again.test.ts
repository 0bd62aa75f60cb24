/** A run that Headroom itself limited says nothing of its target: it is made again, once, and both are kept. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { RunRecord } from '../../src/results/record.ts'
import { headroom, temporaryFolder } from '../cli/cli-process.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => {
  folder.remove()
})

/** One request every 20 ms through two connections: 45 ms an answer are more than they carry. */
const SLOW_MS = 45
const SCENARIO = `
name: short
seed: 1
rate: { kind: constant, ratePerS: 50 }
phases: { warmupS: 0.5, measureS: 3, drainS: 1 }
connections: 2
batchEvents: 1
rounds: 1
slowDisk: never
stop: at-end
slos: [{ metric: latency.p99Us, max: 400000, windowS: 2 }]
`

async function studyOf({ slowRuns }: { readonly slowRuns: number }) {
  let runsRead = 0
  let isBeingRead = false
  const stored = new Set<string>()
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => (text += String(chunk)))
    request.on('end', () => {
      void (async () => {
        if (request.method === 'POST') {
          isBeingRead = false
          if (runsRead < slowRuns) await sleep(SLOW_MS)
          stored.add(encodeURIComponent(/"transaction_id":"([^"]+)"/.exec(text)?.[1] ?? ''))
          response.statusCode = 202
        } else {
          const isStored = stored.has(request.url?.split('/').at(-1) ?? '')
          // The audit reads what was sent: that run is over.
          if (isStored && !isBeingRead) runsRead += 1
          if (isStored) isBeingRead = true
          response.statusCode = isStored ? 200 : 404
        }
        response.end('{}')
      })()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  writeFileSync(join(folder.path, 'short.yaml'), SCENARIO)
  writeFileSync(
    join(folder.path, 'mine.yaml'),
    `{ kind: service, name: mine, url: 'http://127.0.0.1:${String(port)}', audit: { by: reads, value: none, settleS: 0.1 } }`,
  )
  try {
    const result = await headroom(['run', './short.yaml', '--target', './mine.yaml'], {
      cwd: folder.path,
    })
    const records = readdirSync(folder.path, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('run.json'))
      .sort()
      .map((name) => RunRecord.parse(JSON.parse(readFileSync(join(folder.path, name), 'utf8'))))
    return { ...result, records }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

it('a void run is made again, and the second one counts', async () => {
  const { exitCode, stdout, stderr, records } = await studyOf({ slowRuns: 1 })
  expect(records.map(({ outcome }) => outcome.state)).toEqual(['void', 'completed'])
  expect(records.map(({ round }) => round)).toEqual([1, 1])
  expect(records[0]?.id).toMatch(/01-mine-round-1$/)
  expect(records[1]?.id).toMatch(/02-mine-round-1$/)
  expect(records.map(({ repeats }) => repeats)).toEqual([undefined, records[0]?.id])
  expect(stderr).toContain('round 1 of mine was void: it is made again')
  expect(stdout).toMatch(/not counted: round 1 \(made again\): void: pool/)
  expect(exitCode).toBe(0)
})

it('one that is void again is left at that, and nothing of it counts', async () => {
  const { exitCode, stdout, records } = await studyOf({ slowRuns: 2 })
  expect(records.map(({ outcome }) => outcome.state)).toEqual(['void', 'void'])
  expect(stdout).toContain('void: pool')
  expect(exitCode).toBe(70)
})
