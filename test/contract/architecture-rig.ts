/** Brings an architecture up on real engines for a contract suite, and reads its stores. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../../src/engines/engine.ts'
import { silentLog } from '../../src/kit/log.ts'
import { Target } from '../../src/target/target.ts'
import { bringUp, type RunningTarget } from '../../src/target/up.ts'
import { ServiceClient } from './service-client.ts'

/** `HEADROOM_TEST_ENGINES=compose` asks the same of containers: docs/docker-compose.md. */
const ENGINES = process.env['HEADROOM_TEST_ENGINES'] ?? 'embedded'

export interface Rig extends AsyncDisposable {
  readonly up: RunningTarget
  readonly client: ServiceClient
}

export interface RigOptions {
  readonly settings?: Readonly<Record<string, unknown>>
  readonly schemaVariant?: string
}

export async function startRig(architecture: string, options: RigOptions = {}): Promise<Rig> {
  const dir = mkdtempSync(join(tmpdir(), 'headroom-contract-'))
  const logDir = join(dir, 'logs')
  mkdirSync(logDir)
  const target = Target.parse({
    kind: 'architecture',
    name: architecture,
    architecture,
    settings: options.settings ?? {},
    ...(options.schemaVariant === undefined ? {} : { schemaVariant: options.schemaVariant }),
  })
  const up = await bringUp({
    target,
    external: {},
    engines: ENGINES === 'compose' ? 'compose' : 'embedded',
    dataDir: join(dir, 'data'),
    logDir,
    runId: 'contract',
    signal: new AbortController().signal,
    log: silentLog,
    onEngineReady: () => {},
  })
  return {
    up,
    client: new ServiceClient(up.running.ingestUrl),
    async [Symbol.asyncDispose]() {
      await up[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export interface Held {
  /** Identity of every row, repeated ids repeated. */
  readonly rows: readonly string[]
  readonly readable: readonly string[]
}

export async function heldBy(store: Store): Promise<Held> {
  return { rows: await collect(store, 'rows'), readable: await collect(store, 'readable') }
}

async function collect(store: Store, which: 'rows' | 'readable'): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const batch of store[which](AbortSignal.timeout(30_000))) {
    for (const [index, id] of batch.ids.entries())
      keys.push(`${String(batch.sources[index])}/${id}`)
  }
  return keys
}

/** Polls until the store can read this many events: what `eventually` means, with a bound. */
export async function untilReadable(store: Store, events: number): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  for (;;) {
    const { readable } = await heldBy(store)
    if (readable.length >= events) return
    if (performance.now() > deadlineMs) {
      throw new Error(`${store.name} shows ${String(readable.length)} of ${String(events)} events`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
