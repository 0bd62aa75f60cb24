import { describe, expect, it } from 'vitest'
import { Fault } from '../../src/scenario/fault.ts'
import { requireFaults } from '../../src/target/fault-check.ts'
import { Target } from '../../src/target/target.ts'

const target = (architecture: string) =>
  Target.parse({ kind: 'architecture', name: architecture, architecture })
const own = { host: 'h', port: 1, user: 'u', database: 'd', tls: 'off' } as const

const check = (faults: readonly unknown[], architectures: readonly string[], external = {}) =>
  requireFaults(
    architectures.map(target),
    { name: 'x', faults: faults.map((fault) => Fault.parse(fault)) },
    { external },
  )

const kill = (part: string) => ({ kind: 'kill', part, atS: 3, lengthS: 1 })
const session = (role: string) => ({ kind: 'session', role, begin: 'BEGIN', atS: 3, lengthS: 1 })

describe('faults and targets', () => {
  it('fit where every target has the parts and roles they name', async () => {
    await check(
      [kill('service'), kill('postgres'), session('database')],
      ['pg-direct', 'dual-write'],
    )
  })

  it('are refused with what the target has, all problems at once', async () => {
    const refused = check([kill('clickhose'), session('warehouse')], ['dual-write', 'pg-direct'])
    await expect(refused).rejects.toThrow(/dual-write has no clickhose .*did you mean "clickhouse"/)
    await expect(refused).rejects.toThrow(/pg-direct has no warehouse/)
  })

  it('restore only a database that archives', async () => {
    const restore = { kind: 'restore', role: 'database', atS: 3, lengthS: 1 }
    await expect(check([restore], ['pg-direct'])).rejects.toThrow(/set archive_mode: on/)
    await expect(check([{ ...restore, role: 'warehouse' }], ['dual-write'])).rejects.toThrow(
      /warehouse of dual-write is no PostgreSQL/,
    )
  })

  it('never touch a server of the user’s own', async () => {
    await expect(check([kill('postgres')], ['pg-direct'], { postgres: own })).rejects.toThrow(
      /postgres of pg-direct is a server of your own, which is never broken/,
    )
  })
})
