/** What is looked at of a service target before the first event: a stranger on its port, tables that are not there. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import type { ObservedServer } from '../../src/engines/engine.ts'
import { maybeTls, refuseStranger, requireTables } from '../../src/target/service-checks.ts'
import { openServiceProcess } from '../../src/target/service-process.ts'
import { ServiceTarget } from '../../src/target/service-target.ts'

const { signal } = new AbortController()
const server = createServer((socket) => {
  socket.destroy()
})
afterEach(() => {
  server.close()
})

const targetAt = (port: number, process?: unknown): ServiceTarget =>
  ServiceTarget.parse({
    kind: 'service',
    name: 'mine',
    url: `http://127.0.0.1:${String(port)}`,
    audit: { by: 'none' },
    ...(process === undefined ? {} : { process }),
  })

describe('a command that is to be started', () => {
  it('is refused while somebody answers in its place, and started where nobody does', async () => {
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as AddressInfo
    const started = { command: ['./mine'] }
    await expect(refuseStranger(targetAt(port, started), signal)).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: `something answers at http://127.0.0.1:${String(port)} before the command of mine was started`,
    })
    // Without a command it is the one that answers who is to be measured.
    await expect(refuseStranger(targetAt(port), signal)).resolves.toBeUndefined()
    await new Promise((resolve) => server.close(resolve))
    await expect(refuseStranger(targetAt(port, started), signal)).resolves.toBeUndefined()
  })
})

describe('tables to watch', () => {
  it('are refused by name and role where they are not there', async () => {
    const engine = {
      kind: 'postgres',
      missingTables: () => Promise.resolve(['nosuch']),
    } as unknown as ObservedServer
    const looked = requireTables(targetAt(1), [{ role: 'database', engine }], signal)
    await expect(looked).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/engines.database.tables: there is no table nosuch/) as string,
    })
  })
})

describe('a command that cannot be started', () => {
  it('is told with the folder it was looked for in, and what to look at', async () => {
    const logDir = mkdtempSync(join(tmpdir(), 'headroom-command-'))
    onTestFinished(() => {
      rmSync(logDir, { recursive: true })
    })
    const given = { name: 'mine', logDir, constants: {} }
    for (const [cwd, words] of [
      [tmpdir(), /executable/],
      [join(tmpdir(), 'no-such-folder'), /there is no such folder/],
    ] as const) {
      const process = { command: ['./nosuch'], cwd, env: {}, readyWithinS: 1 }
      await expect(openServiceProcess(process, given)).rejects.toMatchObject({
        code: 'ENGINE_MISSING',
        message: expect.stringContaining(`in ${cwd}`) as string,
        hint: expect.stringMatching(words) as string,
      })
    }
  })
})

describe('a plain request to a port that hangs up, or answers in TLS', () => {
  it.each([
    ['hangs up', (socket: Socket) => socket.resetAndDestroy()],
    ['alerts', (socket: Socket) => socket.end(Buffer.from([21, 3, 1, 0, 2, 2, 40]))],
  ])('asks whether it wants https: it %s', async (_, answer) => {
    const theirs = createServer((socket) => {
      socket.once('data', () => {
        answer(socket)
      })
    })
    await new Promise<void>((resolve) => {
      theirs.listen(0, '127.0.0.1', resolve)
    })
    const url = new URL(`http://127.0.0.1:${String((theirs.address() as AddressInfo).port)}`)
    const error = await request(url).then(
      () => null,
      (refused: unknown) => refused,
    )
    theirs.close()
    expect(maybeTls(url, error)).toBe('; does it want https?')
    expect(maybeTls(url, new Error('connect ECONNREFUSED'))).toBe('')
    expect(maybeTls(new URL('https://a'), error)).toBe('')
  })
})
