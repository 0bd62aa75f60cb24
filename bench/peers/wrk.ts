/** wrk (C): a closed loop only. One thread, as many requests as it gets answered in a few seconds. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled } from '../command.ts'
import type { CpuUse, Peer, PeerLoad } from './peer.ts'
import { cpuOfCommand } from './peer.ts'

const SECONDS = 3

export const wrk: Peer = {
  name: 'wrk',
  install: 'apt-get install wrk',
  isInstalled: () => isInstalled('wrk'),
  closedLoop: (load) => wrkRun(load),
  atRate: null,
}

async function wrkRun(load: PeerLoad): Promise<CpuUse> {
  const { url, connections, body, signal } = load
  const dir = await mkdtemp(join(tmpdir(), 'headroom-wrk-'))
  try {
    const lua = join(dir, 'post.lua')
    const script = `wrk.method="POST"; wrk.body='${body}'; wrk.headers["Content-Type"]="application/json"`
    await writeFile(lua, script)
    const args = ['-t1', `-c${String(connections)}`, `-d${String(SECONDS)}`, '-s', lua, url.href]
    const { cpuUs, stdout } = await cpuOfCommand({ command: 'wrk', args, signal })
    const failed = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/.exec(stdout)
    if (failed !== null) throw new Error(`wrk: ${failed[0]}`)
    const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
    return { cpuUs, requests }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
