/**
 * What a scenario hits, as data. One file, one target: a reference architecture, engines without a service, or a service
 * of the user's own.
 */
import { z } from 'zod'
import { EngineChoice, TargetName } from './engine-choice.ts'
import { EnginesTarget } from './engines-target.ts'
import { ServiceTarget } from './service-target.ts'

export type { EngineChoice } from './engine-choice.ts'

export const ArchitectureTarget = z.strictObject({
  kind: z.literal('architecture'),
  name: TargetName,
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

export const Target = z.discriminatedUnion('kind', [
  ArchitectureTarget,
  EnginesTarget,
  ServiceTarget,
])
export type Target = z.infer<typeof Target>

/** What Headroom brings up itself: engines, and perhaps a service in front of them. */
export const OwnTarget = z.discriminatedUnion('kind', [ArchitectureTarget, EnginesTarget])
export type OwnTarget = z.infer<typeof OwnTarget>
