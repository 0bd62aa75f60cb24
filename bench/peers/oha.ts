/** oha (Rust): closed loop, or a rate with latencies counted from when a request was due, as ours are. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled } from '../command.ts'
import type { CpuUse, Peer, PeerLoad } from './peer.ts'
import { cpuOfCommand, withoutStart } from './peer.ts'

/** Its deadline cuts off what is under way; these it names itself. */
const CUT_OFF = 'aborted due to deadline'

interface OhaSummary {
  readonly statusCodeDistribution: Readonly<Record<string, number>>
  readonly errorDistribution: Readonly<Record<string, number>>
}

export const oha: Peer = {
  name: 'oha',
  install: 'cargo install oha --locked',
  isInstalled: () => isInstalled('oha'),
  closedLoop: (load, requests) =>
    withoutStart((only) => ohaRun(load, ['-n', String(only ?? requests)])),
  atRate: (load, { perS, seconds }) =>
    withoutStart((only) => {
      const paced = ['-q', String(perS), '--latency-correction', '-z', `${String(seconds)}s`]
      return ohaRun(load, only === null ? paced : ['-n', String(only)])
    }),
}

async function ohaRun(load: PeerLoad, how: readonly string[]): Promise<CpuUse> {
  const dir = await mkdtemp(join(tmpdir(), 'headroom-oha-'))
  try {
    const bodyFile = join(dir, 'body.json')
    await writeFile(bodyFile, load.body)
    const request = ['-m', 'POST', '-T', 'application/json', '-D', bodyFile]
    const report = ['--no-tui', '--output-format', 'json']
    const { cpuUs, stdout } = await cpuOfCommand({
      command: 'oha',
      args: [...report, '-c', String(load.connections), ...request, ...how, load.url.href],
      signal: load.signal,
    })
    const summary = JSON.parse(stdout.slice(0, stdout.lastIndexOf('}') + 1)) as OhaSummary
    const { 200: requests = 0, ...others } = summary.statusCodeDistribution
    const failed = Object.entries({ ...others, ...summary.errorDistribution }).filter(
      ([what]) => what !== CUT_OFF,
    )
    if (failed.length > 0) throw new Error(`oha: ${JSON.stringify(Object.fromEntries(failed))}`)
    return { cpuUs, requests }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
