import { describe, expect, it } from 'vitest'
import type { Needs } from '../../src/architecture/architecture.ts'
import type { Probe } from '../../src/collect/probe.ts'
import type { RunningEngine } from '../../src/engines/engine.ts'
import { enginesForArchitecture, settingsByNeed } from '../../src/target/hand-over.ts'
import { engineName, rolesOf } from '../../src/target/roles.ts'
import { ArchitectureTarget } from '../../src/target/target.ts'

const needs: Needs = {
  database: { kind: 'postgres', extensions: ['timescaledb'] },
  replica: { kind: 'postgres', of: 'database', many: true },
  cache: 'redis',
}

const rolesWith = (engines: Readonly<Record<string, unknown>>) =>
  rolesOf(
    { needs },
    ArchitectureTarget.parse({ kind: 'architecture', name: 'x', architecture: 'x', engines }),
  )

describe('the engines of a target', () => {
  it('are those its architecture needs, each with what it stands on and asks for', () => {
    const roles = rolesWith({ database: { settings: { work_mem: '4MB', jit: false } } })
    expect(roles.map(({ name, kind, of }) => [name, kind, of])).toEqual([
      ['database', 'postgres', null],
      ['replica', 'postgres', 'database'],
      ['cache', 'redis', null],
    ])
    expect(roles[0]).toMatchObject({
      extensions: ['timescaledb'],
      settings: { work_mem: '4MB', jit: 'false' },
    })
  })

  it('are as many as the target counts, with a pooler behind each that has one', () => {
    const roles = rolesWith({
      replica: { count: 2, pooler: { settings: { pool_mode: 'session' } } },
    })
    expect(roles.map(({ name, kind, of, need }) => [name, kind, of, need])).toEqual([
      ['database', 'postgres', null, 'database'],
      ['replica-1', 'postgres', 'database', 'replica'],
      ['replica-1.pooler', 'pgbouncer', 'replica-1', null],
      ['replica-2', 'postgres', 'database', 'replica'],
      ['replica-2.pooler', 'pgbouncer', 'replica-2', null],
      ['cache', 'redis', null, 'cache'],
    ])
    expect(roles.map(engineName)).toEqual([
      'postgres',
      'replica-1',
      'replica-1-pooler',
      'replica-2',
      'replica-2-pooler',
      'redis',
    ])
  })
})

describe('what an architecture is given', () => {
  const probes: Probe[] = []
  const engine = (name: string): RunningEngine => ({
    kind: 'postgres',
    name,
    provider: 'embedded',
    label: name,
    version: '',
    settings: { of: name },
    addressFor: (who) => ({
      host: `${name} for ${who}`,
      port: 1,
      user: 'u',
      database: 'd',
      tls: 'off',
    }),
    parts: [],
    get probes() {
      return [...probes]
    },
    crashed: new Promise<never>(() => undefined),
    control: {
      checkpoint: () => Promise.resolve('nothing-to-do'),
      execute: () => Promise.resolve(),
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
  const roles = rolesWith({ database: { pooler: {} }, replica: { count: 2 } })
  const engines = roles.map(({ name }) => ({ role: name, engine: engine(name) }))
  const given = enginesForArchitecture({ needs }, roles, engines)

  it('is one engine per role, and all of a role that may be many', () => {
    expect(Object.keys(given)).toEqual(['database', 'replica', 'cache'])
    expect(given['replica']).toHaveLength(2)
    expect(settingsByNeed({ needs }, roles, engines)).toEqual({
      database: { of: 'database' },
      replica: [{ of: 'replica-1' }, { of: 'replica-2' }],
      cache: { of: 'cache' },
    })
  })

  it('reaches an engine through its pooler, but for the harness', () => {
    const { addressFor } = given['database'] as RunningEngine
    expect(addressFor('service')).toMatchObject({ host: 'database.pooler for service' })
    expect(addressFor('session')).toMatchObject({ host: 'database.pooler for session' })
    expect(addressFor('harness')).toMatchObject({ host: 'database for harness' })
  })

  it('asks an engine behind a pooler anew for its probes: a store opened later adds one', () => {
    const behind = given['database'] as RunningEngine
    expect(behind.probes).toEqual([])
    const probe: Probe = { name: 'size', intervalMs: 1_000, sample: () => Promise.resolve([]) }
    probes.push(probe)
    expect(behind.probes).toEqual([probe])
  })
})
