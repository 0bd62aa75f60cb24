/** What a scenario hits, as data. One file, one target: a reference architecture, or a service of the user's own. */
import { z } from 'zod'
import { OWN_PROVIDERS, PROVIDERS } from '../engines/kinds.ts'
import { ServiceTarget } from './service-target.ts'

const EngineSettings = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))

/** Where an engine comes from. */
export const ProviderName = z.enum(PROVIDERS)

const EngineChoice = z.strictObject({
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

export const ArchitectureTarget = z.strictObject({
  kind: z.literal('architecture'),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  description: z.string().default(''),
  architecture: z.string(),
  /** The architecture's own settings; parsed by the architecture. */
  settings: z.record(z.string(), z.unknown()).default({}),
  /** Name of a schema variant the architecture ships. */
  schemaVariant: z.string().default('default'),
  /** By the role the architecture gives the engine: `database`, `warehouse`. */
  engines: z.record(z.string(), EngineChoice).default({}),
})
export type ArchitectureTarget = z.infer<typeof ArchitectureTarget>

export const Target = z.discriminatedUnion('kind', [ArchitectureTarget, ServiceTarget])
export type Target = z.infer<typeof Target>
