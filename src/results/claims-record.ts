/**
 * What is kept of a study of claims: each experiment as it was asked, what every arm of every round left, and the claims
 * they were made for. Verdicts are not kept: they follow from this, and are drawn again from it.
 */
import { z } from 'zod'
import { Claim } from '../scenario/claim.ts'
import { Experiment, ScaleName } from '../scenario/experiment.ts'
import { ProviderName } from '../target/engine-choice.ts'
import { Machine } from './record.ts'

const ArmOutcome = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('measured'),
    /** By `step.figure`. */
    values: z.record(z.string(), z.number()),
    /** What the engine said: plans, refusals. By `step.what`. */
    texts: z.record(z.string(), z.string()),
  }),
  /** This server cannot do what the arm needs. */
  z.strictObject({ state: z.literal('skipped'), because: z.string() }),
  z.strictObject({ state: z.literal('failed'), code: z.string(), message: z.string() }),
])
export type ArmOutcome = z.infer<typeof ArmOutcome>

const ArmRun = z.strictObject({
  arm: z.string(),
  /** 1-based. */
  round: z.int().positive(),
  /** 1-based over the experiment, in order of execution. */
  position: z.int().positive(),
  tookS: z.number(),
  outcome: ArmOutcome,
})
export type ArmRun = z.infer<typeof ArmRun>

export const ExperimentRecord = z.strictObject({
  experiment: Experiment,
  engines: z.array(
    z.strictObject({
      name: z.string(),
      provider: ProviderName,
      label: z.string(),
      version: z.string(),
      settings: z.record(z.string(), z.string()),
    }),
  ),
  tookS: z.number(),
  /** Rounds are missing. */
  cutShort: z.boolean(),
  arms: z.array(ArmRun),
})
export type ExperimentRecord = z.infer<typeof ExperimentRecord>

export const ClaimsRecord = z.strictObject({
  kind: z.literal('claims'),
  schema: z.literal(1),
  id: z.string(),
  question: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  /** The command that makes it again. */
  command: z.string(),
  headroom: z.strictObject({ version: z.string(), commit: z.string() }),
  machine: Machine,
  scale: ScaleName,
  estimatedS: z.number(),
  tookS: z.number(),
  cutShort: z.string().nullable(),
  experiments: z.array(ExperimentRecord),
  claims: z.array(Claim),
})
export type ClaimsRecord = z.infer<typeof ClaimsRecord>
