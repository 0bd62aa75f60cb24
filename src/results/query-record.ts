/** What a run keeps of one query: how long its answers took, what was read for them, how old they said they were. */
import { z } from 'zod'
import { Percentiles } from './quantities.ts'

const count = z.number().int().min(0)

export const QueryFigures = z.strictObject({
      name: z.string(),
      answered: count,
      failed: count,
      seconds: Percentiles.nullable(),
      rowsRead: z.number().nullable(),
      bytesRead: z.number().nullable(),
      /** Rows and bytes are of one execution under EXPLAIN after the run. Absent: of the last answer. */
      plan: z.strictObject({ planMs: z.number(), nodes: z.array(z.string()) }).optional(),
      /** What the answers said of their own age: share with `stale`, longest X-Data-Lag-Seconds. */
      staleRatio: z.number().optional(),
      saidLagMaxS: z.number().optional(),
      /** Answers that claimed to be current and were compared with a write acknowledged before; the share that lacked it. */
      compared: count.optional(),
      lackingRatio: z.number().optional(),
    })
