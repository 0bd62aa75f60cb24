import { describe, expect, it } from 'vitest'
import { commitWaitsFor } from '../../reference-impl/service-kit/postgres/synchronous.ts'
import type { EngineSettingsByRole, Needs } from '../../src/architecture/architecture.ts'
import { restoresOf } from '../../src/study/restored-stores.ts'
import { architectureById, architectures } from '../../src/target/registry.ts'
import { needsOf } from '../../src/target/roles.ts'

const promisesOf = (
  id: string,
  engines: Record<string, Record<string, string>>,
  { settings = {}, variant = 'default' }: { settings?: object; variant?: string } = {},
) => {
  const architecture = architectureById(id)!
  const roles = Object.fromEntries(
    needsOf(architecture).map(([role, { many }]) => {
      const settings = engines[role] ?? {}
      return [role, many ? [settings] : settings]
    }),
  ) as EngineSettingsByRole<Needs>
  return architecture.promises(architecture.settings.parse(settings), roles, variant)
}

describe('promises', () => {
  const POSTGRES_ARCHITECTURES = architectures
    .filter(({ needs }) => 'database' in needs)
    .map(({ id }) => id)

  it.each(POSTGRES_ARCHITECTURES)(
    '%s promises no more than the settings of PostgreSQL keep',
    (id) => {
      // Its staging is UNLOGGED unless asked otherwise: below.
      const settings = id === 'eav' ? { staging: 'logged' } : {}
      const survives = (database: Record<string, string>) =>
        promisesOf(id, { database }, { settings }).stores[0]!.survives
      expect(survives({})).toBe('power-loss')
      expect(survives({ synchronous_commit: 'on', fsync: 'on' })).toBe('power-loss')
      expect(survives({ synchronous_commit: 'local' })).toBe('power-loss')
      expect(survives({ synchronous_commit: 'off' })).toBe('nothing')
      expect(survives({ synchronous_commit: 'OFF', fsync: 'off' })).toBe('nothing')
      expect(survives({ fsync: 'off' })).toBe('process-kill')
      expect(survives({ full_page_writes: 'off' })).toBe('process-kill')
    },
  )

  it.each(POSTGRES_ARCHITECTURES)(
    '%s explains a loss by the death of the one part that holds it',
    (id) => {
      const { stores } = promisesOf(id, { database: { synchronous_commit: 'off' } })
      const lossy = stores.filter(
        ({ survives, delivery }) => survives === 'nothing' && delivery !== 'at-most-once',
      )
      expect(lossy).not.toEqual([])
      for (const { lostWith } of lossy) expect(lostWith).toEqual(['postgres'])
    },
  )

  it('eav promises of what is staged UNLOGGED, or committed asynchronously, that a crash loses it', () => {
    const promised = (settings: object) => promisesOf('eav', { database: {} }, { settings })
    expect(promised({}).stores[0]).toMatchObject({
      survives: 'nothing',
      duplicates: 'one-readable',
    })
    expect(promised({}).ack).toMatch(/UNLOGGED.*what no flush has moved by then is lost/)
    const logged = promised({ staging: 'logged', asyncNonCritical: true })
    expect(logged.stores[0]!.survives).toBe('nothing')
    expect(logged.ack).not.toContain('UNLOGGED')
    expect(promised({ dedup: 'none' }).stores[0]!.duplicates).toBe('kept')
  })

  it.each(['outbox', 'outbox-clickhouse'])(
    '%s promises of an UNLOGGED outbox that a crash of PostgreSQL, and nothing else, loses what is not delivered',
    (id) => {
      const database = { synchronous_commit: 'on' }
      const settings = { unlogged: true, consumers: 2 }
      const { ack, stores } = promisesOf(id, { database }, { settings })
      expect(ack).toMatch(/flushed to disk.*UNLOGGED.*stays stored and is never delivered\.$/)
      const [events, ...receivers] = stores
      expect(events).toEqual(promisesOf(id, { database }).stores[0])
      expect(receivers).toHaveLength(2)
      for (const receiver of receivers) {
        expect(receiver).toMatchObject({ survives: 'nothing', lostWith: ['postgres'] })
        // What was stored there long before the crash is no part of it.
        expect(receiver).not.toHaveProperty('emptied')
      }
      const kill = { kind: 'kill', begun: true, toMs: 6_000 } as const
      const target = {
        engines: [
          { role: 'database', engine: { kind: 'postgres', name: 'postgres' } },
          { role: 'warehouse', engine: { kind: 'clickhouse', name: 'clickhouse' } },
        ] as const,
        running: {
          stores: stores.map(({ store }) => ({
            name: store,
            engine: store.startsWith('postgres') ? ('postgres' as const) : ('clickhouse' as const),
          })),
        },
        promises: { stores },
      }
      const excused = (on: string) => [
        ...restoresOf(target, [{ ...kill, on }], { requestTimeoutMs: 1_000 }).keys(),
      ]
      expect(excused('postgres')).toEqual(receivers.map(({ store }) => store))
      for (const on of ['clickhouse', 'worker', 'sink', 'service']) expect(excused(on)).toEqual([])
    },
  )

  it('clickhouse-direct promises power loss only where both fsync settings ask for it', () => {
    const survives = (warehouse: Record<string, string>) =>
      promisesOf('clickhouse-direct', { warehouse }).stores[0]!.survives
    expect(survives({})).toBe('process-kill')
    expect(survives({ fsync_after_insert: '1' })).toBe('process-kill')
    expect(survives({ fsync_after_insert: '1', fsync_part_directory: '1' })).toBe('power-loss')
  })

  it('dual-write promises nothing about ClickHouse, whatever its settings', () => {
    const warehouse = { fsync_after_insert: '1', fsync_part_directory: '1' }
    expect(promisesOf('dual-write', { warehouse }).stores[1]).toMatchObject({
      survives: 'nothing',
      delivery: 'at-most-once',
      readAfterAck: 'eventually',
    })
  })

  it('say in their sentence what the settings make of a commit', () => {
    const ack = (synchronous_commit: string) =>
      promisesOf('pg-batch', { database: { synchronous_commit } }).ack
    expect(ack('on')).toContain('flushed to disk')
    expect(ack('off')).toContain('still in memory')
  })
})

describe('promises of one PostgreSQL table', () => {
  const promised = (settings: object, variant = 'default') => {
    const { ack, stores } = promisesOf('pg-batch', { database: {} }, { settings, variant })
    return { ack, ...stores[0]! }
  }

  it('keep repeats where no unique index tells them', () => {
    for (const variant of ['none', 'brin', 'btree']) {
      expect(promised({}, variant)).toMatchObject({
        survives: 'power-loss',
        delivery: 'at-least-once',
        duplicates: 'kept',
        ack: expect.stringContaining('stored again') as string,
      })
    }
    for (const variant of ['default', 'lean', 'gin', 'dedup']) {
      expect(promised({}, variant)).toMatchObject({ duplicates: 'one-row' })
    }
  })

  it('are those of the weakest event where some commits do not wait', () => {
    expect(promised({ nonCriticalCodes: ['click'] })).toMatchObject({
      survives: 'nothing',
      ack: expect.stringMatching(/flushed to disk.*codes click are answered while/) as string,
    })
  })

  it('say of an unlogged table that a crash empties it', () => {
    expect(promised({ unlogged: true })).toMatchObject({
      survives: 'nothing',
      ack: expect.stringContaining('UNLOGGED') as string,
    })
  })

  it('refuse an update of duplicates that nothing tells, before anything starts', () => {
    expect(() => promised({ dedupAction: 'update' }, 'none')).toThrow(/no unique index/)
  })
})

describe('promises of pg-replica', () => {
  const promised = (database: Record<string, string>) => promisesOf('pg-replica', { database })

  it('are those of the primary, with replicas behind it', () => {
    const { ack, stores } = promised({})
    expect(ack).not.toContain('replica')
    expect(stores).toMatchObject([
      { store: 'postgres.events', survives: 'power-loss', readAfterAck: 'at-once' },
      { store: 'replica-1.events', survives: 'power-loss', readAfterAck: 'eventually' },
    ])
  })

  it('are more where a commit waits for replicas', () => {
    const names = { synchronous_standby_names: '*' }
    const flushed = promised(names)
    expect(flushed.ack).toContain('one replica has flushed it')
    expect(flushed.stores).toMatchObject([
      { survives: 'node-loss' },
      { survives: 'node-loss', readAfterAck: 'eventually' },
    ])
    const applied = promised({ ...names, synchronous_commit: 'remote_apply' })
    expect(applied.ack).toContain('one replica has replayed it')
    expect(applied.stores[1]).toMatchObject({ survives: 'node-loss', readAfterAck: 'at-once' })
    const written = promised({ ...names, synchronous_commit: 'remote_write' })
    expect(written.stores).toMatchObject([{ survives: 'power-loss' }, { survives: 'power-loss' }])
    for (const waits of ['local', 'off']) {
      expect(promised({ ...names, synchronous_commit: waits }).ack).not.toContain('replica')
    }
    expect(promised({ ...names, fsync: 'off' }).stores[0]).toMatchObject({
      survives: 'process-kill',
    })
  })

  it('count the replicas that a commit waits for', () => {
    const two = { synchronous_standby_names: 'ANY 2 ("replica-1", "replica-2", "replica-3")' }
    expect(commitWaitsFor(two, 3)).toEqual({ what: 'flushed', replicas: 2 })
    expect(commitWaitsFor({ synchronous_standby_names: 'a, b' }, 2)).toMatchObject({ replicas: 1 })
    expect(commitWaitsFor({ synchronous_standby_names: ' ' }, 2)).toEqual({ what: 'nothing' })
  })
})

describe('promises of pg-partitioned', () => {
  const promised = (settings: object, database: Record<string, string> = {}) =>
    promisesOf('pg-partitioned', { database }, { settings })
  const waiting = { synchronous_standby_names: '*', synchronous_commit: 'remote_apply' }

  it('are those of the primary alone, unless replicas are asked for', () => {
    expect(promised({}, waiting).ack).not.toContain('replica')
    expect(promised({}, waiting).stores).toMatchObject([
      { store: 'postgres.events', survives: 'power-loss' },
    ])
    expect(promised({ readReplicas: true, dedup: 'none' }).stores).toMatchObject([
      { store: 'postgres.events', duplicates: 'kept', readAfterAck: 'at-once' },
      { store: 'replica-1.events', duplicates: 'kept', readAfterAck: 'eventually' },
    ])
  })

  it('are more where a commit waits for replicas', () => {
    const { ack, stores } = promised({ readReplicas: true, outOfRange: 'reject' }, waiting)
    expect(ack).toMatch(/its batch, and one replica has replayed it; one outside of all ranges/)
    expect(stores[1]).toMatchObject({ survives: 'node-loss', readAfterAck: 'at-once' })
  })
})

describe('batches', () => {
  it('says of dual-write what its settings make of it', () => {
    const { batches, settings } = architectureById('dual-write')!
    expect(batches(settings.parse({}))).toBe(true)
    expect(batches(settings.parse({ primary: 'direct' }))).toBe(false)
  })
})

describe('settings', () => {
  it.each(architectures)('of $id all have defaults, limits and a description', ({ settings }) => {
    const parsed = settings.parse({}) as Record<string, unknown>
    expect(Object.keys(parsed).length).toBeGreaterThan(4)
    expect(settings.safeParse({ surprise: 1 }).success).toBe(false)
    expect(settings.safeParse({ timeoutMs: 0 }).success).toBe(false)
    const { shape } = settings as unknown as { shape: Record<string, { description?: string }> }
    for (const [name, field] of Object.entries(shape))
      expect(field.description, name).toMatch(/\.$/)
  })
})
