import { describe, expect, it } from 'vitest'
import type { Needs } from '../../src/architecture/architecture.ts'
import { rolesOf } from '../../src/target/roles.ts'
import { providersOf } from '../../src/target/ground.ts'
import { placeOf } from '../../src/target/launch-container.ts'
import { ArchitectureTarget } from '../../src/target/target.ts'

const architecture = { needs: { database: 'postgres', warehouse: 'clickhouse' } } as const
const address = { url: 'http://h:8123', database: 'd', user: 'u' }

const target = (engines: Readonly<Record<string, unknown>> = {}) =>
  ArchitectureTarget.parse({ kind: 'architecture', name: 'x', architecture: 'dual-write', engines })
const roles = (engines?: Readonly<Record<string, unknown>>) =>
  rolesOf(architecture, target(engines))

describe('where engines come from', () => {
  it('is embedded where nobody says anything', () => {
    expect([...providersOf(roles(), { external: {} }).values()]).toEqual(['embedded', 'embedded'])
  })

  it('is what the command line says, but for a server that was named', () => {
    const providers = providersOf(roles(), {
      external: { clickhouse: address },
      engines: 'compose',
    })
    expect(Object.fromEntries(providers)).toEqual({ database: 'compose', warehouse: 'external' })
  })

  it('is first of all what the target itself says of a role', () => {
    const providers = providersOf(
      roles({ database: { provider: 'embedded' }, warehouse: { provider: 'compose' } }),
      { external: { clickhouse: address }, engines: 'compose' },
    )
    expect(Object.fromEntries(providers)).toEqual({ database: 'embedded', warehouse: 'compose' })
  })

  it('is where its primary is for a replica, and here for a pooler of the user’s own server', () => {
    const replicated: Needs = {
      database: 'postgres',
      replica: { kind: 'postgres', of: 'database' },
    }
    const standing = rolesOf({ needs: replicated }, target({ database: { pooler: {} } }))
    const own = { host: 'h', port: 1, user: 'u', database: 'd', tls: 'off' } as const
    const at = (options: Parameters<typeof providersOf>[1]) =>
      Object.fromEntries(providersOf(standing, options))
    expect(at({ external: {}, engines: 'compose' })).toEqual({
      database: 'compose',
      'database.pooler': 'compose',
      replica: 'compose',
    })
    expect(at({ external: { postgres: own } })).toEqual({
      database: 'external',
      'database.pooler': 'embedded',
      replica: 'external',
    })
  })
})

describe('a process of an architecture in a container', () => {
  const config = {}

  it('is the service of the file that has the name of the architecture', () => {
    const entry = 'reference-impl/pg-direct/service.ts'
    expect(placeOf({ name: 'service', entry, config })).toEqual({
      service: 'pg-direct',
      like: null,
      command: ['node', '--enable-source-maps', 'dist/reference-impl/pg-direct/service.js'],
    })
  })

  it('is the one named after both where it is another process, and made like that as a replica', () => {
    const entry = 'reference-impl/outbox/worker.ts'
    expect(placeOf({ name: 'worker', entry, config })).toMatchObject({
      service: 'outbox-worker',
      like: null,
    })
    expect(placeOf({ name: 'worker-2', entry, config })).toMatchObject({
      service: 'outbox-worker-2',
      like: 'outbox-worker',
    })
  })
})
