/** A service under test in a container: the same faults as on the host, the same address after each, nothing told twice. */
import { readFileSync, readdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { RUN_LABEL } from '../../src/engines/compose/override.ts'
import { silentLog } from '../../src/kit/log.ts'
import { Target } from '../../src/target/target.ts'
import type { RunningTarget } from '../../src/target/up.ts'
import { bringUp } from '../../src/target/up.ts'
import { heldBy } from '../contract/architecture-rig.ts'
import { makeEvent, ServiceClient } from '../contract/service-client.ts'
import { docker, leftOf, withoutDocker } from './docker-here.ts'
import { textsOf } from '../fixtures/left-behind.ts'

const base = mkdtempSync(join(tmpdir(), 'headroom-parts-'))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

const runId = `parts-${String(process.pid)}`

function up(
  architecture: string,
  engines: Readonly<Record<string, unknown>> = {},
): Promise<RunningTarget> {
  const dir = mkdtempSync(join(base, 'run-'))
  return bringUp({
    target: Target.parse({ kind: 'architecture', name: architecture, architecture, engines }),
    external: {},
    dataDir: join(dir, 'data'),
    logDir: join(dir, 'logs'),
    ...{ runId, engines: 'compose', signal: new AbortController().signal, log: silentLog },
    onEngineReady: () => undefined,
  })
}

function processesWith(...words: readonly string[]): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => textsOf([pid]).some((text) => words.every((word) => text.includes(word))))
    .map(Number)
}

describe.skipIf(withoutDocker !== null)(`parts in containers (${withoutDocker ?? 'here'})`, () => {
  it('a service dies, comes back at its address, freezes and thaws', async () => {
    {
      await using target = await up('pg-direct')
      const [service] = target.running.parts
      if (service === undefined) throw new Error('no service')
      const client = new ServiceClient(target.running.ingestUrl)
      let crashed = ''
      void target.crashed.then(({ message }) => (crashed = message))
      expect(service.kind).toBe('service')
      expect(service.pids().length).toBeGreaterThan(0)
      // Docker's own proxies carry the traffic where it has any: their processor time is told apart.
      const carrying = processesWith('docker-proxy', `-host-port\0${target.running.ingestUrl.port}`)
      const known = target.plumbing?.flatMap((part) => part.pids()) ?? []
      expect(known).toEqual(expect.arrayContaining([...carrying]))

      const events = [makeEvent(), makeEvent(), makeEvent()]
      expect((await client.post(events[0])).body.accepted).toBe(1)
      await service.fault('kill')
      expect(service.pids()).toEqual([])
      await expect(client.post(events[1])).rejects.toThrow()
      await service.fault('restart')
      expect((await client.post(events[1])).body.accepted).toBe(1)

      await service.fault('freeze')
      let answered = false
      const answer = client.post(events[2]).then((one) => {
        answered = true
        return one
      })
      await new Promise((resolve) => setTimeout(resolve, 500))
      expect(answered).toBe(false)
      await service.fault('thaw')
      expect((await answer).body.accepted).toBe(1)
      const [store] = target.running.stores
      if (store === undefined) throw new Error('no store')
      expect((await heldBy(store)).rows).toHaveLength(3)
      expect(crashed).toBe('')
    }
    expect(await leftOf(runId)).toEqual([])
  })

  it('a service that ends by itself is told as a crash of the service', async () => {
    await using target = await up('pg-direct')
    const ids = await docker([
      ...['ps', '--quiet', '--filter', 'label=com.docker.compose.service=pg-direct'],
      ...['--filter', `label=${RUN_LABEL}`, '--filter', `name=${runId}`],
    ])
    await docker(['kill', '--signal', 'KILL', ids.trim()])
    expect(await target.crashed).toMatchObject({
      by: 'service',
      message: expect.stringMatching(/^service ended with exit code 137/),
    })
  })

  it('the configuration of a service, which holds passwords, is in no file and no argument', async () => {
    await using target = await up('pg-direct')
    const { password } = target.engines
      .map(({ engine }) => engine as unknown as { addressFor(who: string): { password?: string } })
      .map((engine) => engine.addressFor('service'))[0] ?? { password: undefined }
    expect(password?.length).toBeGreaterThan(20)
    const files = readdirSync(base, { recursive: true, encoding: 'utf8' })
      .map((name) => join(base, name))
      .filter((file) => statSync(file).isFile())
    const texts = files.map((file) => readFileSync(file, 'utf8'))
    texts.push(...textsOf(readdirSync('/proc').filter((name) => /^\d+$/.test(name))))
    expect(texts.filter((text) => text.includes(password ?? ''))).toEqual([])
  })

  it('stays on the host where one of its engines does, and reaches both', async () => {
    await using target = await up('dual-write', { warehouse: { provider: 'embedded' } })
    expect(target.engines.map(({ engine }) => engine.provider)).toEqual(['compose', 'embedded'])
    expect(target.facts.images).toBeUndefined()
    const client = new ServiceClient(target.running.ingestUrl)
    expect((await client.post(makeEvent())).body.accepted).toBe(1)
    for (const store of target.running.stores) {
      await expect
        .poll(async () => (await heldBy(store)).readable.length, { timeout: 20_000 })
        .toBe(1)
    }
  })
})
