/** What is kept of requests that did not have all of their events accepted. As record.ts. */
import { z } from 'zod'

const count = z.number().int().min(0)

/** One reason why requests did not have all of their events accepted; `unnamed`: the target's `answers` do not name the status. */
const NotAcceptedReason = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('answer'),
    status: count,
    requests: count,
    unnamed: z.literal(true).optional(),
  }),
  z.strictObject({ by: z.literal('loss'), code: z.string(), requests: count }),
])
export type NotAcceptedReason = z.infer<typeof NotAcceptedReason>

/** Requests by what came instead of an acknowledgement, the most frequent first; `answeredRequests`: all that were. */
export const NotAccepted = z.strictObject({
  answeredRequests: count,
  reasons: z.array(NotAcceptedReason),
  otherRequests: count,
})
