/** The kinds of YAML file a user writes, as JSON Schemas. In: our zod schemas. Out: one schema per kind, by name. */
import { z } from 'zod'
import { Trigger } from '../judge/trigger.ts'
import { Profile } from '../plan/profile.ts'
import { Claim } from '../scenario/claim.ts'
import { Experiment } from '../scenario/experiment.ts'
import { Scenario } from '../scenario/scenario.ts'
import { SweepFile } from '../study/sweep/sweep-file.ts'
import { Target } from '../target/target.ts'
import { EnginesFile } from './external-engines.ts'

const KINDS = {
  scenario: Scenario,
  target: Target,
  profile: Profile,
  trigger: Trigger,
  claim: Claim,
  experiment: Experiment,
  sweep: SweepFile,
  engines: EnginesFile,
} as const

export function jsonSchemas(): Readonly<Record<keyof typeof KINDS, unknown>> {
  const schemas = Object.entries(KINDS).map(([name, schema]) => {
    const described = z.toJSONSchema(schema, { io: 'input' })
    return [name, { ...described, title: `Headroom ${name}` }]
  })
  return Object.fromEntries(schemas) as Record<keyof typeof KINDS, unknown>
}
