/**
 * What `headroom sweep` reads. In: checked flags, or the id of a sweep that was stopped. Out: the exit code of the study.
 * Every value is looked at, and every mistake told, before anything starts.
 */
import { z } from 'zod'
import { HeadroomError } from '../kit/errors.ts'
import type { StudyPlan } from '../results/study-plan.ts'
import { findPlannedStudy, readStudyPlan } from '../results/study-plan.ts'
import { SweepMode } from '../results/sweep-record.ts'
import type { CommandContext } from './command.ts'
import { requireContainers } from './containers.ts'
import { outDirOf, requireOutDir } from './places.ts'
import type { StudyWishes } from './study-inputs.ts'
import { studyInputs } from './study-inputs.ts'
import type { SweepTyped } from './sweep-asked.ts'
import { sweepAsked } from './sweep-asked.ts'

/** What a resumption reads again: all that decides what is measured, without the addresses of servers. */
const Typed = z.strictObject({
  what: z.string(),
  target: z.string().optional(),
  vary: z.array(z.string()),
  set: z.array(z.string()),
  mode: SweepMode.optional(),
  rounds: z.number().optional(),
  rates: z.array(z.number()).optional(),
  initialRows: z.number().optional(),
  profile: z.string().optional(),
  rate: z.number().optional(),
  growth: z.number().optional(),
  engines: z.string().optional(),
})
type Typed = z.infer<typeof Typed>

interface Flags extends StudyWishes, Omit<SweepTyped, 'what'> {
  readonly what: string | undefined
  readonly resume: string | undefined
}

interface Resume {
  readonly studyDir: string
  readonly plan: StudyPlan
}

export async function runSweepStudy(flags: Flags, context: CommandContext): Promise<number> {
  const resume = flags.resume === undefined ? null : await resumeOf(flags.resume, flags)
  const typed = resume === null ? typedOf(flags) : Typed.parse(resume.plan.typed)
  const { sweep, ...asked } = sweepAsked(typed)
  const wishes: StudyWishes = {
    ...flags,
    profile: typed.profile,
    rate: typed.rate,
    growth: typed.growth,
    engines: typed.engines,
  }
  const inputs = await studyInputs(asked, wishes, context)
  if (flags.dryRun) {
    const { tellSweepDryRun } = await import('./sweep-dry-run.ts')
    return await tellSweepDryRun({ ...inputs, sweep }, context)
  }
  requireOutDir(flags.out)
  await requireContainers(
    inputs.points.map(({ target }) => target),
    inputs.engines,
  )
  const { performStudy } = await import('./perform-study.ts')
  const { runSweep } = await import('../study/sweep/sweep.ts')
  const more = { sweep, typed: withoutUndefined(typed), ...(resume === null ? {} : { resume }) }
  return await performStudy(inputs, (options) => runSweep({ ...options, ...more }), context)
}

function typedOf(flags: Flags): Typed {
  const { what } = flags
  if (what === undefined) {
    throw new HeadroomError('BAD_INPUT', 'a name is missing after the command', {
      hint: 'headroom list sweeps shows what there is; or name a scenario and say what to --vary',
    })
  }
  return Typed.parse(
    Object.fromEntries(
      Object.keys(Typed.shape).map((key) => [key, flags[key as keyof Typed] ?? undefined]),
    ),
  )
}

/** @throws HeadroomError BAD_INPUT where a flag says something the study has said already */
async function resumeOf(which: string, flags: Flags): Promise<Resume> {
  const said = Object.keys(Typed.shape).filter((key) => {
    const value = flags[key as keyof Typed]
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null
  })
  if (said.length > 0) {
    const named = said.map((key) => (key === 'what' ? `"${String(flags.what)}"` : `--${key}`))
    throw new HeadroomError('BAD_INPUT', `--resume goes with nothing else: ${named.join(', ')}`, {
      hint: `leave it out: the study says what it was begun with`,
    })
  }
  const studyDir = await findPlannedStudy(which, outDirOf(flags.out))
  return { studyDir, plan: await readStudyPlan(studyDir) }
}

function withoutUndefined(typed: Typed): StudyPlan['typed'] {
  return Object.fromEntries(
    Object.entries(typed).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
}
