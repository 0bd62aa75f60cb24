import { describe, expect, it } from 'vitest'
import { emulatedTargets } from '../../src/study/emulated-disk.ts'
import { loadTargets } from '../../src/target/load.ts'
import { Target } from '../../src/target/target.ts'
import { dataDiskOf } from '../../src/target/up.ts'

const targets = loadTargets('pg-direct,pg-batch,dual-write,clickhouse-direct')
const here = {
  fsyncP50Us: 30,
  isSeen: (target: Target) => dataDiskOf(target, { external: {}, dataDir: '/data' }) !== null,
}

describe('a slow disk is emulated', () => {
  it('for every target that commits to PostgreSQL where an fsync is nearly free', () => {
    const emulated = emulatedTargets(targets, here)
    expect(emulated.map(({ of }) => of)).toEqual(['pg-direct', 'pg-batch', 'dual-write'])
    for (const { of, fsyncUs, target } of emulated) {
      expect(target.name).toBe(`${of}-fsync-1ms`)
      expect(fsyncUs).toBe(1_000)
      expect(target.engines['database']?.settings).toMatchObject({
        commit_delay: 1_000,
        commit_siblings: 0,
      })
    }
  })

  it('nowhere on a disk that waits by itself, on an unknown one, or where the data lies elsewhere', () => {
    expect(emulatedTargets(targets, { ...here, fsyncP50Us: 200 })).toEqual([])
    expect(emulatedTargets(targets, { ...here, fsyncP50Us: null })).toEqual([])
    expect(emulatedTargets(targets, { ...here, isSeen: () => false })).toEqual([])
  })

  it('not where a commit waits for no flush, and other settings stay', () => {
    const [direct] = targets
    if (direct?.kind !== 'architecture') throw new Error('pg-direct is a target')
    const withSettings = (settings: Record<string, string>) => ({
      ...direct,
      engines: { database: { settings } },
    })
    expect(emulatedTargets([withSettings({ synchronous_commit: 'off' })], here)).toEqual([])
    const [kept] = emulatedTargets([withSettings({ max_wal_size: '2GB' })], here)
    expect(kept?.target.engines['database']?.settings).toEqual({
      max_wal_size: '2GB',
      commit_delay: 1_000,
      commit_siblings: 0,
    })
  })
})

describe('the disk of the data', () => {
  const options = { external: {}, dataDir: '/data' }
  const server = { host: 'h', port: 1, user: 'u', database: 'd', tls: 'off' } as const

  it('is seen where every engine is a process here', () => {
    for (const target of targets) expect(dataDiskOf(target, options)).toBe('/data')
  })

  it('is not seen below Docker’s data root, on a server of the user’s own, or behind his service', () => {
    const [direct, , dual] = targets
    if (direct === undefined || dual === undefined) throw new Error('four targets')
    expect(dataDiskOf(direct, { ...options, engines: 'compose' })).toBeNull()
    expect(dataDiskOf(direct, { ...options, external: { postgres: server } })).toBeNull()
    expect(dataDiskOf(dual, { ...options, external: { postgres: server } })).toBeNull()
    const own = { kind: 'service', name: 'mine', url: 'http://127.0.0.1:1', audit: { by: 'none' } }
    expect(dataDiskOf(Target.parse(own), options)).toBeNull()
  })
})
