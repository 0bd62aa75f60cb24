/** What one batch costs the driver where no service stands between: round trips, which a busy network makes dear. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SqlSession } from '../../src/drive/sql/session.ts'
import type { StoringEngine } from '../../src/engines/engine.ts'
import { startEngine } from '../../src/engines/registry.ts'
import { Scope } from '../../src/kit/scope.ts'

const never = new AbortController().signal
const base = mkdtempSync(join(tmpdir(), 'headroom-trips-'))
const scope = new Scope()
const COLUMNS = { source: 'org', id: 'id', copy: ['org', 'id', 'value'] }
const BATCH = Buffer.from('a\t1\t1\na\t2\t2\n')
let engine: StoringEngine<'postgres'>
let relay: Relay

/** Between the session and the server: what is asked after an answer is another round trip. */
class Relay implements AsyncDisposable {
  trips = 0
  readonly #server: Server
  #answered = true

  private constructor(to: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => {
      const server = connect(to)
      client.on('data', (bytes) => {
        if (this.#answered) this.trips += 1
        this.#answered = false
        server.write(bytes)
      })
      server.on('data', (bytes) => {
        this.#answered = true
        client.write(bytes)
      })
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        one.setNoDelay(true)
        one.on('error', () => other.destroy())
        one.on('close', () => other.destroy())
      }
    })
  }

  static async before(to: { readonly host: string; readonly port: number }): Promise<Relay> {
    const made = new Relay(to)
    made.#server.listen(0, '127.0.0.1')
    await once(made.#server, 'listening')
    return made
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    await once(this.#server, 'close')
  }
}

beforeAll(async () => {
  const dataDir = join(base, 'data')
  mkdirSync(dataDir)
  engine = scope.use(
    await startEngine(
      'postgres',
      { provider: 'embedded', settings: {} },
      {
        dataDir,
        logDir: base,
        name: 'postgres',
        runId: 'test',
        signal: never,
        log: () => undefined,
      },
    ),
  )
  await engine.control.execute(
    'CREATE TABLE events (org text, id text, value float8, UNIQUE (org, id))',
    never,
  )
  relay = scope.use(await Relay.before(engine.addressFor('service')))
})
afterAll(async () => {
  await scope[Symbol.asyncDispose]()
  rmSync(base, { recursive: true, force: true })
})

async function openSession(): Promise<SqlSession> {
  return await SqlSession.open(
    {
      place: { ...engine.addressFor('service'), host: '127.0.0.1', port: relay.port },
      method: 'staging',
      table: 'events',
      repeats: 'skip',
      connections: 1,
    },
    COLUMNS,
    () => undefined,
  )
}

describe('a batch through a staging table', () => {
  it('takes as many round trips as that of a service: begin, COPY and its rows, INSERT, COMMIT', async () => {
    const session = await openSession()
    try {
      const before = relay.trips
      expect(await session.write(BATCH, 2)).toEqual([])
      const first = relay.trips
      expect(await session.write(BATCH, 2)).toEqual([0, 1])
      expect([first - before, relay.trips - first]).toEqual([5, 5])
    } finally {
      session.cut()
    }
  })

  it('that cannot begin leaves the session free for the next one', async () => {
    const session = await openSession()
    try {
      await engine.control.execute('ALTER TABLE events RENAME TO elsewhere', never)
      await expect(session.write(BATCH, 2)).rejects.toThrow('"events" does not exist')
      await engine.control.execute('ALTER TABLE elsewhere RENAME TO events', never)
      expect(await session.write(Buffer.from('b\t1\t1\n'), 1)).toEqual([])
    } finally {
      session.cut()
    }
  })
})
