import { describe, expect, it } from 'vitest'
import { claimsOf, queueStatement } from '../../../../reference-impl/service-kit/outbox/claims.ts'
import {
  outboxSchema,
  type OutboxTable,
} from '../../../../reference-impl/service-kit/outbox/schema.ts'

const TABLE: OutboxTable = {
  completion: 'done',
  claimOn: 'lease',
  unlogged: false,
  fillfactorRatio: 0.7,
  vacuum: 'documented',
  rotateS: 10,
  wake: 'batch',
}
const textOf = (more: Partial<OutboxTable>): string =>
  outboxSchema({ ...TABLE, ...more }).join('\n')
/** Columns that an index of the outbox is over or about. */
const indexed = (more: Partial<OutboxTable>): string =>
  outboxSchema({ ...TABLE, ...more })
    .filter((statement) => statement.startsWith('CREATE INDEX'))
    .join('\n')

describe('the tables of an outbox', () => {
  it('have the documented autovacuum (B14), or none of their own, and the fillfactor that was asked for', () => {
    expect(textOf({})).toContain(
      'fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 100, autovacuum_analyze_scale_factor = 0.005',
    )
    expect(textOf({ vacuum: 'default', fillfactorRatio: 0.5 })).toContain('(fillfactor = 50)')
    expect(textOf({ vacuum: 'default' })).not.toContain('autovacuum')
  })

  it('index no column that a claim of the lease form changes, and the status in the other (2.6)', () => {
    for (const completion of ['delete', 'done', 'rotate'] as const) {
      expect(indexed({ completion })).not.toMatch(/locked|attempts|status/)
      expect(indexed({ completion, claimOn: 'status' })).toContain(`WHERE status = 'pending'`)
      expect(claimsOf({ ...TABLE, completion }).claim).not.toContain('status')
    }
  })

  it('are UNLOGGED where that is asked, each partition by itself, and never their ids or the dead letters', () => {
    const unlogged = (more: Partial<OutboxTable>): readonly string[] =>
      [...textOf(more).matchAll(/CREATE UNLOGGED TABLE (\w+)/g)].map(([, name = '']) => name)
    expect(unlogged({})).toEqual([])
    expect(unlogged({ unlogged: true })).toEqual(['outbox'])
    const parts = ['outbox_0', 'outbox_1', 'outbox_2']
    expect(unlogged({ unlogged: true, completion: 'rotate' })).toEqual(parts)
    expect(textOf({ unlogged: true })).toMatch(
      /CREATE SEQUENCE outbox_id[\s\S]*CREATE TABLE outbox_dead/,
    )
  })

  it('notify per row, per statement, or not at all', () => {
    expect(textOf({ wake: 'row' })).toMatch(/NEW\.id::text[\s\S]*FOR EACH ROW/)
    expect(textOf({ wake: 'batch' })).toContain('FOR EACH STATEMENT')
    expect(textOf({ wake: 'poll' })).not.toContain('notify')
  })

  it('are filled with one row per consumer, as text or as a row of ClickHouse', () => {
    expect(queueStatement(12, 'event')).toContain('generate_series(1, 12)')
    expect(queueStatement(1, 'event')).toContain(`'properties', properties,`)
    expect(queueStatement(1, 'clickhouse-row')).toContain(`'properties', properties::text,`)
  })
})
