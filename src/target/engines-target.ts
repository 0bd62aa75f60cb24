/**
 * Engines without a service, as data: what is measured is what the database does with batches that come straight from
 * the driver. Its settings say how they are written; its schema is SQL of the user's own, in variants.
 */
import { z } from 'zod'
import { SQL_METHODS } from '../architecture/sql-writes.ts'
import { handsOnSessions } from '../engines/pgbouncer/settings.ts'
import type { Finding } from '../kit/yaml-door.ts'
import { EngineChoice, TargetName } from './engine-choice.ts'

const Role = EngineChoice.extend({
  kind: z.literal('postgres'),
  /** Those that must be there: `timescaledb`. */
  extensions: z.array(z.string().min(1)).default([]),
})

export const SqlWrites = z.strictObject({
  /** The table that events go to; its columns have the names of the shape's. */
  table: z
    .string()
    .regex(/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/, 'a table, or schema.table')
    .default('events'),
  method: z.enum(SQL_METHODS).default('unnest'),
  /**
   * `skip`: ON CONFLICT DO NOTHING. `refuse`: a unique index refuses the batch that holds one. `keep`: the table has no
   * unique index.
   */
  repeats: z.enum(['skip', 'refuse', 'keep']).default('skip'),
  /** Sessions, so batches in flight at once. */
  connections: z.int().positive().max(1_000).default(4),
  /** Asked of every session; absent: as the server has it. */
  synchronousCommit: z.enum(['on', 'off', 'local', 'remote_write', 'remote_apply']).optional(),
})
export type SqlWrites = z.infer<typeof SqlWrites>

export const EnginesTarget = z.strictObject({
  kind: z.literal('engines'),
  name: TargetName,
  description: z.string().default(''),
  /** By role; one of them is `database`, which is written to. */
  engines: z.record(z.string(), Role),
  /** Statements of each variant, run before the first event. */
  schema: z.record(z.string().min(1), z.string().min(1)),
  schemaVariant: z.string().default('default'),
  /** How events are written. */
  settings: SqlWrites.prefault({}),
})
export type EnginesTarget = z.infer<typeof EnginesTarget>

/** The role that is written to. */
export const WRITTEN_ROLE = 'database'

export function enginesFindings(target: EnginesTarget): readonly Finding[] {
  const findings: Finding[] = []
  if (target.engines[WRITTEN_ROLE] === undefined) {
    findings.push({
      path: ['engines'],
      message: `has no role ${WRITTEN_ROLE}`,
      remedy: `name the engine that is written to ${WRITTEN_ROLE}: {kind: postgres}`,
    })
  }
  if (target.schema[target.schemaVariant] === undefined) {
    findings.push({
      path: ['schemaVariant'],
      message: `schema has no variant "${target.schemaVariant}"`,
      remedy: `choose one of ${Object.keys(target.schema).join(', ')}, or add it`,
    })
  }
  if (target.settings.method === 'copy' && target.settings.repeats === 'skip') {
    findings.push({
      path: ['settings', 'repeats'],
      message: 'COPY has no ON CONFLICT: it cannot skip repeats',
      remedy: 'use method: staging, or repeats: refuse (a unique index) or keep (none)',
    })
  }
  if (target.settings.synchronousCommit !== undefined && sharesSessions(target)) {
    findings.push({
      path: ['settings', 'synchronousCommit'],
      message: 'is asked of a session, and behind a transaction pooler no session is one’s own',
      remedy: 'set synchronous_commit in the settings of the engine, or pool_mode: session',
    })
  }
  return findings
}

function sharesSessions({ engines }: EnginesTarget): boolean {
  const pooler = engines[WRITTEN_ROLE]?.pooler
  return pooler !== undefined && handsOnSessions(pooler.settings)
}
