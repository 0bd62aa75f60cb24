/**
 * What the fields of an experiment, or of a claim and its experiment, must say together. In: documents whose single
 * fields are right. Out: every contradiction with its path and a remedy. Pure.
 */
import { FormulaError, parseFormula } from '../kit/formula.ts'
import { suggest } from '../kit/nearest.ts'
import type { Path } from '../kit/schema-outline.ts'
import type { Finding } from '../kit/yaml-door.ts'
import type { Claim, Measure } from './claim.ts'
import type { Experiment } from './experiment.ts'
import { SCALES, stepsOf } from './experiment.ts'
import type { Step } from './experiment-step.ts'
import { figuresOfStep } from './experiment-step.ts'

const REFERENCE = /\$\{([a-z][A-Za-z0-9]*)\}|^\$([a-z][A-Za-z0-9]*)$/g

export function experimentFindings(experiment: Experiment): readonly Finding[] {
  const { arms, engines } = experiment
  return [
    ...twice(
      arms.map(({ name }) => name),
      ['arms'],
      'arm',
    ),
    ...twice(
      engines.map(({ name }) => name),
      ['engines'],
      'engine',
    ),
    ...engineFindings(experiment),
    ...arms.flatMap((arm, index) => [
      ...stepsFindings(stepsOf(experiment, arm), arm.steps ? ['arms', index, 'steps'] : ['steps']),
      ...replicaFindings(experiment, index),
      ...valueFindings(experiment, index),
    ]),
  ]
}

function twice(names: readonly string[], path: Path, what: string): readonly Finding[] {
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [
          {
            path: [...path, index, 'name'],
            message: `two ${what}s are called ${name}`,
            remedy: 'give one of them another name',
          },
        ],
  )
}

function engineFindings({ arms, engines }: Experiment): readonly Finding[] {
  const known = engines.map(({ name }) => name)
  return arms.flatMap(({ engine }, index) =>
    known.includes(engine)
      ? []
      : [
          {
            path: ['arms', index, 'engine'],
            message: `there is no engine ${engine}`,
            remedy: suggest(engine, known),
          },
        ],
  )
}

function stepsFindings(steps: readonly Step[], path: Path): readonly Finding[] {
  const names = steps.flatMap((step) => ('name' in step && step.name ? [step.name] : []))
  const none =
    steps.length === 0
      ? [{ path, message: 'an arm has no steps', remedy: 'give it steps, or the experiment' }]
      : []
  return [...none, ...twice(names, path, 'step'), ...steps.flatMap(clientFindings(path))]
}

function clientFindings(path: Path): (step: Step, index: number) => readonly Finding[] {
  return (step, index) => {
    if (step.do !== 'clients') return []
    const at = [...path, index]
    const found: Finding[] = []
    if ((step.sql === undefined) === (step.insert === undefined)) {
      found.push({ path: at, message: 'clients send sql or insert', remedy: 'give one of the two' })
    }
    if ((step.seconds === undefined) === (step.calls === undefined)) {
      const remedy = 'give one of the two'
      found.push({ path: at, message: 'clients stop after seconds or calls', remedy })
    }
    return found
  }
}

function replicaFindings(experiment: Experiment, index: number): readonly Finding[] {
  const arm = experiment.arms[index]
  if (arm === undefined) return []
  const engine = experiment.engines.find(({ name }) => name === arm.engine)
  const asks = stepsOf(experiment, arm).some((step) => 'on' in step && step.on === 'replica')
  if (!asks || engine === undefined || engine.replica) return []
  return [
    {
      path: ['arms', index, 'engine'],
      message: `arm ${arm.name} looks at a replica, and engine ${engine.name} has none`,
      remedy: `give ${engine.name} replica: true, or the arm another engine`,
    },
  ]
}

/** Every `$name` has a value, at every scale. */
function valueFindings(experiment: Experiment, index: number): readonly Finding[] {
  const arm = experiment.arms[index]
  if (arm === undefined) return []
  const asked = referencesIn([experiment.setup, arm.setup, stepsOf(experiment, arm)])
  return SCALES.flatMap((scale) => {
    const known = Object.keys({ ...experiment.scales[scale].values, ...arm.values })
    return asked
      .filter((name) => !known.includes(name))
      .map((name) => ({
        path: ['scales', scale, 'values'],
        message: `arm ${arm.name} uses $${name}, which has no value at scale ${scale}`,
        remedy: known.length === 0 ? `add ${name}` : `add it, or: ${suggest(name, known)}`,
      }))
  })
}

function referencesIn(value: unknown): readonly string[] {
  if (typeof value === 'string') {
    return [...new Set([...value.matchAll(REFERENCE)].map((found) => found[1] ?? found[2] ?? ''))]
  }
  if (value === null || typeof value !== 'object') return []
  return [...new Set(Object.values(value).flatMap(referencesIn))]
}

/** Every figure that a claim’s formulas name is one that its experiment leaves. */
export function claimFindings(claim: Claim, experiment: Experiment): readonly Finding[] {
  const known = new Set(
    experiment.arms.flatMap((arm) =>
      stepsOf(experiment, arm).flatMap((step) =>
        'name' in step && step.name !== undefined
          ? figuresOfStep(step).map((figure) => `${arm.name}.${step.name ?? ''}.${figure}`)
          : [],
      ),
    ),
  )
  return [
    ...claim.measures.flatMap((measure, index) => measureFindings(measure, index, known)),
    ...claim.readings.flatMap(({ value }, index) =>
      formulaFindings(value, ['readings', index, 'value'], known),
    ),
    ...undecided(claim),
  ]
}

function measureFindings(
  { value, role, documented }: Measure,
  index: number,
  known: ReadonlySet<string>,
): readonly Finding[] {
  const judged =
    role !== 'context' && documented === undefined
      ? [
          {
            path: ['measures', index],
            message: `a measure that ${role} needs what is documented`,
            remedy: 'add documented, or make it role: context',
          },
        ]
      : []
  return [...judged, ...formulaFindings(value, ['measures', index, 'value'], known)]
}

function formulaFindings(
  formula: string,
  path: Path,
  known: ReadonlySet<string>,
): readonly Finding[] {
  try {
    const unknown = parseFormula(formula).names.filter((name) => !known.has(name))
    return unknown.map((name) => ({
      path,
      message: `the experiment leaves no figure ${name}`,
      remedy: suggest(name, [...known]),
    }))
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error
    return [{ path, message: error.message, remedy: 'write arithmetic over figures' }]
  }
}

function undecided({ measures }: Claim): readonly Finding[] {
  if (measures.some(({ role }) => role === 'decides')) return []
  return [
    {
      path: ['measures'],
      message: 'no measure decides the claim',
      remedy: 'give one of them role: decides',
    },
  ]
}
