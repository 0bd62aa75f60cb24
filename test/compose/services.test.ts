/** docker-compose.yml as a user without the harness starts it: the services stand alone. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { architectures } from '../../src/target/registry.ts'
import { dockerEnv, plainDocker } from '../../src/kit/docker.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import type { AnyEvent } from '../contract/shape-kits.ts'
import { kitOf } from '../contract/shape-kits.ts'
import { leftOf, withoutDocker } from './docker-here.ts'

/** A build fetches packages and compiles. */
const docker = plainDocker(dockerEnv(process.env), 300_000)

const project = `headroom-alone-${String(process.pid)}`
const ids = architectures.map(({ id }) => id)
const ENGINES = ['postgres', 'postgres-replica', 'timescaledb', 'clickhouse', 'redis'] as const
const profiles = [...ids, 'postgres-replica']
/** Any free port, so that a user's own stack is not in the way; and what a build needs of the environment. */
const env: Record<string, string> = {
  ...Object.fromEntries(
    [...ids, ...ENGINES].map((name) => [
      `HEADROOM_${name.replaceAll('-', '_').toUpperCase()}_PORT`,
      '0',
    ]),
  ),
  ...Object.fromEntries(
    ['BUILD_NETWORK', 'NPMRC', 'CA'].flatMap((name) => {
      const value = process.env[`HEADROOM_${name}`]
      return value === undefined ? [] : [[`HEADROOM_${name}`, value]]
    }),
  ),
  HEADROOM_IMAGE_TAG: 'test-alone',
}

const compose = (...args: readonly string[]) =>
  docker(
    [
      ...['compose', '--project-name', project, '--file', join(packageRoot, 'docker-compose.yml')],
      ...profiles.flatMap((profile) => ['--profile', profile]),
      ...args,
    ],
    { env },
  )

describe.skipIf(withoutDocker !== null)(
  `services that nobody measures (${withoutDocker ?? 'here'})`,
  () => {
    beforeAll(async () => {
      await compose('build', '--quiet', 'secrets')
      await compose('up', '--detach', '--wait')
    })
    afterAll(async () => {
      await compose('down', '--volumes', '--timeout', '5')
      expect(await leftOf(project)).toEqual([])
      await docker(['image', 'rm', '--force', 'headroom-service:test-alone'])
    })

    const addressOf = async (service: string, port: number) =>
      `http://${(await compose('port', service, String(port))).trim()}`
    const inspect = async (service: string) => {
      const id = (await compose('ps', '--quiet', service)).trim()
      const [container] = JSON.parse(await docker(['inspect', id])) as [
        {
          readonly Config: { readonly User: string; readonly Env: readonly string[] }
          readonly State: { readonly Health?: { readonly Status: string } }
          readonly NetworkSettings: {
            readonly Ports: Record<string, readonly { readonly HostIp: string }[] | null>
          }
        },
      ]
      return container
    }
    const send = async (service: string, event = kitOf(service).make()): Promise<AnyEvent> => {
      const response = await fetch(`${await addressOf(service, 8080)}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(event),
      })
      expect({ status: response.status, body: await response.json() }).toEqual({
        status: 200,
        body: { accepted: 1, duplicate: 0, rejected: 0 },
      })
      return event
    }
    const read = async (service: string, event: AnyEvent) => {
      const { sourceOf, idOf } = kitOf(service)
      const path = [sourceOf(event), idOf(event)].map(encodeURIComponent).join('/')
      return await fetch(`${await addressOf(service, 8080)}/v1/events/${path}`)
    }
    const inPostgres = (service: string, database: string, sql: string) =>
      compose(
        ...['exec', '-T', service, 'psql', '--username=headroom', `--dbname=${database}`],
        ...['--tuples-only', '--no-align', `--command=${sql}`],
      )

    it.each(ids)('%s takes an event and gives it back', async (id) => {
      const { event, read: expected } = kitOf(id).hard()
      await send(id, event)
      await expect
        .poll(async () => (await read(id, event)).json(), { timeout: 10_000 })
        .toMatchObject({ event: expected })
    })

    it('keeps architectures that share a server apart', async () => {
      const event = await send('pg-direct')
      expect((await read('pg-batch', event)).status).toBe(404)
      const names = await inPostgres('postgres', 'headroom', 'SELECT datname FROM pg_database')
      expect(names.split('\n')).toEqual(
        expect.arrayContaining(['pg_direct', 'pg_batch', 'dual_write']),
      )
    })

    it('makes its schema once: a service that comes back finds its events', async () => {
      const restarted = ['pg-direct', 'clickhouse-direct', 'timescale', 'eav']
      const events = await Promise.all(restarted.map((id) => send(id)))
      await compose('restart', ...restarted)
      await compose('up', '--detach', '--wait')
      for (const [index, id] of restarted.entries()) {
        await expect
          .poll(async () => (await read(id, events[index]!)).status, {
            timeout: 10_000,
            message: id,
          })
          .toBe(200)
      }
      const indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'events'"
      expect((await inPostgres('postgres', 'pg_direct', indexes)).trim()).toBe('4')
    })

    it('copies everything to the replica', async () => {
      const { transaction_id } = await send('pg-batch')
      await expect
        .poll(
          async () =>
            (
              await inPostgres(
                'postgres-replica',
                'pg_batch',
                `SELECT count(*) FROM events WHERE transaction_id = '${String(transaction_id)}'`,
              )
            ).trim(),
          { timeout: 10_000 },
        )
        .toBe('1')
    })

    it('publishes on loopback only, and runs as nobody in particular', async () => {
      for (const id of [...ids, ...ENGINES]) {
        const { NetworkSettings, State } = await inspect(id)
        const hosts = Object.values(NetworkSettings.Ports).flatMap((ports) => ports ?? [])
        expect({ id, hosts: hosts.map(({ HostIp }) => HostIp) }).toEqual({
          id,
          hosts: ['127.0.0.1'],
        })
        expect(State.Health?.Status, id).toBe('healthy')
      }
      expect((await inspect('pg-direct')).Config.User).toBe('1000:1000')
      await expect(compose('exec', '-T', 'pg-direct', 'touch', '/app/mine')).rejects.toThrow()
    })

    it('makes passwords of its own that only containers hold', async () => {
      const passwords = await Promise.all(
        ['postgres', 'clickhouse', 'redis'].map((name) =>
          compose('exec', '-T', 'pg-direct', 'cat', `/run/headroom/${name}-password`),
        ),
      )
      expect(new Set(passwords).size).toBe(3)
      for (const password of passwords) expect(password).toMatch(/^[\w-]{32}$/)
      const told = await Promise.all(
        [...ids, ...ENGINES].map(async (name) => [
          ...(await inspect(name)).Config.Env,
          await compose('logs', name),
          await compose('top', name),
        ]),
      )
      for (const password of passwords) expect(told.flat().join('\n')).not.toContain(password)

      const clickhouse = await addressOf('clickhouse', 8123)
      const ask = (key: string) =>
        fetch(`${clickhouse}/?query=SELECT+1`, {
          headers: { 'x-clickhouse-user': 'headroom', 'x-clickhouse-key': key },
        })
      expect((await ask(passwords[1]!)).status).toBe(200)
      expect((await ask('guessed')).status).toBe(403)
    })

    it('stops cleanly: a service ends by itself, not by force', async () => {
      const id = (await compose('ps', '--quiet', 'pg-direct')).trim()
      await compose('stop', 'pg-direct')
      expect((await docker(['inspect', '--format', '{{.State.ExitCode}}', id])).trim()).toBe('0')
    })
  },
)
