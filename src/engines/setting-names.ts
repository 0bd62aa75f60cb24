/** Engine settings at the door: names that could not be a setting, and those the harness itself sets, are refused. */
import type { Problem } from '../kit/errors.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { EngineSettings } from './engine.ts'

export interface SettingRules {
  /** `postgres`: what messages call the engine. */
  readonly engine: string
  readonly name: RegExp
  /** Name → why the harness keeps it to itself. */
  readonly reserved: Readonly<Record<string, string>>
}

/** @throws HeadroomError BAD_INPUT listing every problem */
export function checkSettings(settings: EngineSettings, rules: SettingRules): void {
  const problems: Problem[] = []
  for (const [name, value] of Object.entries(settings)) {
    const problem = problemOf(name, value, rules)
    if (problem === null) continue
    problems.push({ file: '', line: null, path: `settings.${name}`, ...problem })
  }
  if (problems.length === 0) return
  throw new HeadroomError(
    'BAD_INPUT',
    `${rules.engine} settings cannot be used: ${problems.map((problem) => problem.message).join('; ')}`,
    { problems },
  )
}

function problemOf(
  name: string,
  value: string,
  rules: SettingRules,
): Pick<Problem, 'message' | 'remedy'> | null {
  if (!rules.name.test(name)) {
    return {
      message: `"${name}" is not a setting's name`,
      remedy: 'write it as the engine’s manual does',
    }
  }
  const reserved = rules.reserved[name.toLowerCase()]
  if (reserved !== undefined) {
    return { message: `"${name}" is set by Headroom: ${reserved}`, remedy: 'leave it out' }
  }
  // eslint-disable-next-line no-control-regex -- exactly those are what must not reach a command line
  if (/[\u0000-\u001f]/.test(value)) {
    return { message: `the value of "${name}" holds control characters`, remedy: 'use plain text' }
  }
  return null
}
