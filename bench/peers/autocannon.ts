/** autocannon (Node), in this process: its CPU is what this process takes meanwhile. */
import autocannon from 'autocannon'
import type { CpuUse, Peer, PeerLoad } from './peer.ts'

export const autocannonPeer: Peer = {
  name: 'autocannon',
  install: 'npm ci',
  isInstalled: () => true,
  closedLoop: autocannonRun,
  // It sends a second's worth at once.
  atRate: null,
}

async function autocannonRun(load: PeerLoad, requests: number): Promise<CpuUse> {
  const before = process.cpuUsage()
  const result = await autocannon({
    url: load.url.href,
    connections: load.connections,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: load.body,
    amount: requests,
  })
  const { user, system } = process.cpuUsage(before)
  if (result.errors + result.non2xx > 0) throw new Error('autocannon: a request failed')
  return { cpuUs: user + system, requests: result.requests.total }
}
