/** What is kept of the machine that a run was measured on. As record.ts. */
import { z } from 'zod'

const count = z.number().int().min(0)

export const Machine = z.strictObject({
  cpu: z.string(),
  cores: z.number(),
  memoryBytes: count,
  os: z.string(),
  node: z.string(),
  /** Median fdatasync of an 8 KiB page on the data disk. */
  fsyncP50Us: z.number().nullable(),
  /** Hash of the above: coefficients from another machine are marked. */
  fingerprint: z.string(),
  /** Free on the data disk before the run. Absent: not seen from here, or a record of before this was kept. */
  dataDiskFreeBytes: count.optional(),
})
export type Machine = z.infer<typeof Machine>
