/**
 * What is done to one database, without a service in front: arms that differ in one thing, the steps each goes through,
 * and the figures they leave. In: a parsed YAML document of scenarios/experiments/. Out: an `Experiment`.
 */
import { z } from 'zod'
import { EventPopulation } from './scenario.ts'
import { Step } from './experiment-step.ts'

/** A figure is `arm.step.figure`: a dash would be a minus. */
const Name = z
  .string()
  .regex(/^[a-z][A-Za-z0-9]*$/, 'letters and digits, a lower-case letter first')
const SettingValue = z.union([z.string(), z.number(), z.boolean()])
const Settings = z.record(z.string(), SettingValue)

/** How much of everything: `tiny` for tests, `small` for minutes, `full` for a soak. */
export const SCALES = ['tiny', 'small', 'full'] as const
export const ScaleName = z.enum(SCALES)
export type ScaleName = z.infer<typeof ScaleName>

const Scale = z.strictObject({
  /** As seen on two cores; printed before it starts. */
  estimatedS: z.number().positive(),
  needGiB: z.number().positive().default(2),
  /** Times every arm is run, in reversed order every second time. */
  rounds: z.int().positive().max(1_000).default(3),
  /** What `$name` and `${name}` stand for. */
  values: z.record(z.string(), z.number()).default({}),
})

/** What an arm can ask for that not every server gives. */
export const NEEDS = ['crash', 'settings', 'checkpoint'] as const

const ExperimentEngine = z.strictObject({
  name: Name,
  settings: Settings.default({}),
  /** That must be there when it is ready. */
  extensions: z.array(z.string()).default([]),
  /** A streaming replica follows it: steps can look there (`on: replica`). */
  replica: z.boolean().default(false),
  /** What to say where it does not start with these settings, for example on a disk without direct I/O. */
  unless: z.string().optional(),
  /** Run once, before the first round, in a schema that every arm of this engine reads. */
  prepare: z.array(Step).default([]),
})

const Arm = z.strictObject({
  name: Name,
  says: z.string().default(''),
  engine: Name.default('main'),
  needs: z.array(z.enum(NEEDS)).default([]),
  /** An extension that is made in the database; without it the arm is not measured. */
  extension: z.string().optional(),
  /** SET in every session of the arm. */
  session: Settings.default({}),
  values: z.record(z.string(), z.number()).default({}),
  /** SQL behind the experiment's own. */
  setup: z.string().default(''),
  /** Instead of the experiment's own. */
  steps: z.array(Step).optional(),
})
export type Arm = z.infer<typeof Arm>

export const Experiment = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  description: z.string(),
  scales: z.strictObject({ tiny: Scale, small: Scale, full: Scale }),
  seed: z.int().min(0).default(1),
  events: EventPopulation.prefault({}),
  /** Event time from one row to the next. */
  spacingMs: z.number().positive().default(100),
  engines: z
    .array(ExperimentEngine)
    .min(1)
    .prefault([{ name: 'main' }]),
  /** SQL run first in the arm's own schema. */
  setup: z.string().default(''),
  /** Steps of every arm that has none of its own. */
  steps: z.array(Step).default([]),
  arms: z.array(Arm).min(1),
})
export type Experiment = z.infer<typeof Experiment>
export type ExperimentEngine = z.infer<typeof ExperimentEngine>

export function stepsOf(experiment: Experiment, arm: Arm): readonly Step[] {
  return arm.steps ?? experiment.steps
}

/** What `$name` stands for in an arm. */
export function valuesOf(
  experiment: Experiment,
  scale: ScaleName,
  arm: Arm | null,
): Readonly<Record<string, number>> {
  return { ...experiment.scales[scale].values, ...arm?.values }
}
