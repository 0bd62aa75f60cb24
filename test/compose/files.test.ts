import { join } from 'node:path'
import type { Role } from '../../src/target/roles.ts'
import { rolesOf, withDefaultNeeds } from '../../src/target/roles.ts'
import { beforeAll, describe, expect, it } from 'vitest'
import { architectures } from '../../src/target/registry.ts'
import { packageRoot } from '../../src/kit/paths.ts'
import { docker, withoutDocker } from './docker-here.ts'

interface Service {
  readonly image: string
  readonly profiles?: readonly string[]
  readonly ports?: readonly { readonly host_ip?: string; readonly published?: string }[]
  readonly mem_limit?: string
  readonly cpus?: number
  readonly logging?: { readonly driver: string; readonly options?: Record<string, string> }
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
  readonly depends_on?: Record<string, { readonly condition: string }>
  readonly environment?: Record<string, string | null>
  readonly command?: readonly string[] | null
  readonly read_only?: boolean
  readonly init?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly stop_grace_period?: string
}

/** A replica is called by its role, a PostgreSQL with an extension by that. */
function engineServiceOf({ name, kind, of, extensions }: Role): string {
  if (of !== null) return `${kind}-${name}`
  return extensions[0] ?? kind
}

const compose = ['compose', '--file', join(packageRoot, 'docker-compose.yml')]

describe.skipIf(withoutDocker !== null)(`docker-compose.yml (${withoutDocker ?? 'here'})`, () => {
  let services: readonly (Service & { readonly name: string })[] = []
  beforeAll(async () => {
    const text = await docker([...compose, '--profile', '*', 'config', '--format', 'json'])
    const parsed = JSON.parse(text) as { services: Record<string, Service> }
    services = Object.entries(parsed.services).map(([name, service]) => ({ name, ...service }))
  })
  const named = (name: string) => services.find((service) => service.name === name)!
  const started = async (profile: string) =>
    (await docker([...compose, '--profile', profile, 'config', '--services']))
      .split('\n')
      .filter((name) => name !== '')
      .sort()

  it('has a service and a profile for every architecture, which start just what it needs', async () => {
    for (const architecture of architectures) {
      const { id, alongside = [] } = architecture
      const engines = rolesOf(withDefaultNeeds(architecture), { engines: {} }).map(engineServiceOf)
      const processes = [id, ...alongside.map((part) => `${id}-${part}`)]
      expect(await started(id)).toEqual([...processes, 'secrets', ...engines].sort())
    }
  })

  it('starts nothing but what was asked for', async () => {
    expect(
      services.filter(({ profiles }) => profiles === undefined).map(({ name }) => name),
    ).toEqual(['secrets'])
    expect(await started('redis')).toEqual(['redis', 'secrets'])
    expect(await started('postgres-replica')).toEqual(['postgres', 'postgres-replica', 'secrets'])
  })

  it('publishes ports on loopback only', () => {
    const ports = services.flatMap(({ name, ports: published = [] }) =>
      published.map(({ host_ip }) => ({ name, host_ip })),
    )
    expect(ports.length).toBeGreaterThan(10)
    expect(ports.filter(({ host_ip }) => host_ip !== '127.0.0.1')).toEqual([])
  })

  it('publishes every port once, so that all of it can run at the same time', () => {
    const published = services.flatMap(({ name, ports = [] }) =>
      ports.map((port) => ({ name, port: port.published ?? '0' })),
    )
    const taken = published.filter(
      ({ name, port }) =>
        port !== '0' && published.some((other) => other.port === port && other.name !== name),
    )
    expect(taken).toEqual([])
  })

  it('pins every image by a version', () => {
    const floating = services
      .map(({ image }) => image)
      .filter((image) => !image.startsWith('headroom-'))
      .filter((image) => !/:[^:]*\d+\.\d+[^:]*$|:RELEASE\.[\dTZ-]+$/.test(image))
    expect(floating).toEqual([])
  })

  it('limits memory and logs of every service', () => {
    const unlimited = services.filter(
      ({ mem_limit, logging }) =>
        mem_limit === undefined ||
        logging?.options?.['max-size'] === undefined ||
        logging.options['max-file'] === undefined,
    )
    expect(unlimited.map(({ name }) => name)).toEqual([])
  })

  it('waits for what a service needs to be healthy', () => {
    for (const architecture of architectures) {
      const { id } = architecture
      for (const engine of rolesOf(withDefaultNeeds(architecture), { engines: {} }).map(
        engineServiceOf,
      )) {
        expect(named(id).depends_on?.[engine]?.condition, `${id} needs ${engine}`).toBe(
          'service_healthy',
        )
        expect(named(engine).healthcheck?.test).toBeDefined()
      }
    }
  })

  it('gives its own services no right they do not need', () => {
    for (const name of [...architectures.map(({ id }) => id), 'secrets', 'pgbouncer']) {
      expect(named(name)).toMatchObject({ read_only: true, init: true, cap_drop: ['ALL'] })
      expect(named(name).security_opt).toContain('no-new-privileges:true')
    }
  })

  it('holds no password: those of its own engines come from a file made at the first start', () => {
    const given = services
      .filter(
        ({ name, profiles }) => name !== 'secrets' && !profiles?.every((of) => of === 'peerdb'),
      )
      .flatMap(({ name, environment = {} }) =>
        Object.entries(environment)
          .filter(([key, value]) => /PASSWORD|SECRET|_PWD/.test(key) && (value ?? '') !== '')
          .filter(([key]) => !key.endsWith('_FILE'))
          .map(([key]) => `${name}: ${key}`),
      )
    expect(given).toEqual([])
    // PeerDB takes its passwords from the environment only, and what they open is published nowhere.
    for (const { name, profiles = [], ports = [] } of services) {
      if (profiles.every((profile) => profile === 'peerdb') && name !== 'secrets') {
        expect({ name, ports }).toEqual({ name, ports: [] })
      }
    }
  })
})
