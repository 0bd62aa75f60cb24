/** What is kept of a study of many runs: what was asked, of which targets, and where its runs are. As record.ts. */
import { z } from 'zod'
import { Profile } from '../plan/profile.ts'
import { Scenario } from '../scenario/scenario.ts'
import { Target } from '../target/target.ts'
import { Sweep } from './sweep-record.ts'

/** A target each that was run with a slow disk emulated. */
export const EmulatedTargets = z.array(
  z.strictObject({ of: z.string(), fsyncUs: z.number(), target: Target }),
)

/** What every study says, whatever it asks. */
const everyStudy = {
  schema: z.literal(1),
  id: z.string(),
  question: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  /** The command that makes it again. */
  command: z.string(),
  profile: Profile,
  /** What the study is judged by: SLOs, stop, rounds. What a run was sent is in its own record. */
  scenario: Scenario,
  /** What is told apart, by name; a run belongs to the one whose name it carries. */
  targets: z.array(Target),
  /**
   * Targets that were run once more with a slow disk emulated, because this one's fsync is nearly free (honesty rule 5).
   * Their runs carry the name of `target` and count for nothing else.
   */
  emulated: EmulatedTargets.optional(),
  /** Folders of the runs, relative to the study, in order of execution. */
  runs: z.array(z.string()),
  estimatedS: z.number(),
  tookS: z.number(),
  /** Why the study ended before its last run, or null. */
  cutShort: z.string().nullable(),
}

/** Many runs that answer one question. Another kind of study adds its own object here. */
export const StudyRecord = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('comparison'), ...everyStudy }),
  z.strictObject({ kind: z.literal('sweep'), ...everyStudy, sweep: Sweep }),
])
export type StudyRecord = z.infer<typeof StudyRecord>
