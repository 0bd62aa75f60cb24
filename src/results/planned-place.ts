/** What every study that can be gone on with writes down of where it was begun. */
import { z } from 'zod'
import { ProviderName } from '../target/engine-choice.ts'

export const PlannedPlace = z.strictObject({
  /** Where engines come from, and which kinds are the user’s own servers. */
  provider: ProviderName,
  ownServers: z.array(z.string()),
  headroom: z.strictObject({ version: z.string(), commit: z.string() }),
  /** As a record’s machine. */
  fingerprint: z.string(),
})
export type PlannedPlace = z.infer<typeof PlannedPlace>
