import { describe, expect, it } from 'vitest'
import type { RunningEngine } from '../../src/engines/engine.ts'
import { unseenHere } from '../../src/study/unseen-here.ts'
import { Target } from '../../src/target/target.ts'
import type { RunningTarget } from '../../src/target/up.ts'

const part = {
  name: 'service',
  kind: 'service',
  url: null,
  peerUrl: null,
  pids: () => [1],
  fault: () => Promise.resolve(),
} as const

function service(url: string, engines: readonly string[], seen = false): readonly string[] {
  const target = Target.parse({ kind: 'service', name: 'mine', url, audit: { by: 'none' } })
  const running: RunningTarget['running'] = {
    ingestUrl: new URL(url),
    parts: seen ? [part] : [],
    probes: [],
    stores: [],
  }
  return unseenHere({ target, running, engines: engines.map(external) })
}

/** As much of a user's own server as is asked here. */
function external(host: string): RunningTarget['engines'][number] {
  const address = { host, port: 5432, user: 'u', database: 'd', tls: 'off' } as const
  const engine = { name: 'postgres', provider: 'external', parts: [], addressFor: () => address }
  return { role: 'db', engine: engine as Partial<RunningEngine> as RunningEngine }
}

describe('what runs on this machine without being seen', () => {
  it('is a service whose process is not named, and the servers nobody named', () => {
    for (const url of ['http://127.0.0.1:8080', 'http://localhost:1', 'http://[::1]:8080']) {
      expect(service(url, [])).toEqual(['the service', 'its servers'])
    }
    expect(service('http://127.0.0.1:8080', [], true)).toEqual(['its servers'])
  })

  it('is a server of the user’s own on this machine, and none elsewhere', () => {
    expect(service('http://127.0.0.1:8080', ['127.0.0.1'], true)).toEqual(['postgres'])
    expect(service('http://127.0.0.1:8080', ['db.example.org'], true)).toEqual([])
  })

  it('is nothing of a service on another machine', () => {
    expect(service('http://ingest.example.org', [])).toEqual([])
  })
})
