/** What every target file may say of an engine, and how a target is named. */
import { z } from 'zod'
import { OWN_PROVIDERS, PROVIDERS } from '../engines/kinds.ts'

const EngineSettings = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))

/** Where an engine comes from. */
export const ProviderName = z.enum(PROVIDERS)

export const TargetName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes')

export const EngineChoice = z.strictObject({
  /** Absent: the provider the command line or engines.yaml chose, else `embedded`. */
  provider: ProviderName.optional(),
  /** Every GUC of PostgreSQL or every server, user and MergeTree setting of ClickHouse, by its own name. */
  settings: EngineSettings.default({}),
  /** Of a role that may be many (streaming replicas); absent: one. */
  count: z.int().min(1).max(8).optional(),
  /** PgBouncer in front of this engine: the service connects to it, the harness past it. */
  pooler: z
    .strictObject({
      provider: z.enum(OWN_PROVIDERS).optional(),
      /** Every setting of pgbouncer.ini's [pgbouncer] section, by its own name. */
      settings: EngineSettings.default({}),
    })
    .optional(),
})
export type EngineChoice = z.infer<typeof EngineChoice>
