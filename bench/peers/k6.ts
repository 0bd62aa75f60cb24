/** k6 (Go, scripts in JavaScript): closed loop, or arrivals at a constant rate. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled } from '../command.ts'
import type { CpuUse, Peer, PeerLoad } from './peer.ts'
import { cpuOfCommand, withoutStart } from './peer.ts'

const SCRIPT = `import http from 'k6/http'
export const options = JSON.parse(__ENV.BENCH_OPTIONS)
const body = open(__ENV.BENCH_BODY)
const params = { headers: { 'content-type': 'application/json' } }
export default function () { http.post(__ENV.BENCH_TARGET, body, params) }
export function handleSummary({ metrics }) {
  const requests = metrics.http_reqs.values.count
  return { stdout: JSON.stringify({ requests, failed: metrics.http_req_failed.values.passes }) + '\\n' }
}
`

interface K6Summary {
  readonly requests: number
  readonly failed: number
}

export const k6: Peer = {
  name: 'k6',
  install: 'go install go.k6.io/k6@latest, with $(go env GOPATH)/bin on the PATH',
  isInstalled: () => isInstalled('k6'),
  closedLoop: (load, requests) =>
    withoutStart((only) => k6Run(load, iterations(load, only ?? requests))),
  atRate: (load, { perS, seconds }) =>
    withoutStart((only) => {
      const paced = {
        executor: 'constant-arrival-rate',
        rate: perS,
        timeUnit: '1s',
        duration: `${String(seconds)}s`,
        preAllocatedVUs: load.connections,
        maxVUs: 4 * load.connections,
      }
      return k6Run(load, only === null ? paced : iterations(load, only))
    }),
}

/** Its start makes every virtual user, so that one request more or less makes no difference to it. */
function iterations({ connections }: PeerLoad, requests: number): object {
  const all = Math.max(requests, connections)
  return { executor: 'shared-iterations', vus: connections, iterations: all }
}

async function k6Run(load: PeerLoad, scenario: object): Promise<CpuUse> {
  const dir = await mkdtemp(join(tmpdir(), 'headroom-k6-'))
  try {
    const [script, body] = [join(dir, 'post.js'), join(dir, 'body.json')]
    await writeFile(script, SCRIPT)
    await writeFile(body, load.body)
    const options = { discardResponseBodies: true, scenarios: { bench: scenario } }
    const { cpuUs, stdout } = await cpuOfCommand({
      command: 'k6',
      args: ['run', '--quiet', '--no-usage-report', script],
      env: {
        BENCH_OPTIONS: JSON.stringify(options),
        BENCH_BODY: body,
        BENCH_TARGET: load.url.href,
      },
      signal: load.signal,
    })
    const summary = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? '{}') as Partial<K6Summary>
    const { requests, failed } = summary
    if (requests === undefined) throw new Error('k6 did not say how many requests it sent')
    if (failed !== 0) throw new Error(`k6: ${String(failed)} requests failed`)
    return { cpuUs, requests }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
