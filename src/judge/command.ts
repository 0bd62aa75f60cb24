/** The one command that would tell what is unknown: a trigger's template with the study's own words filled in. */
import { basename } from 'node:path'
import type { StudyRecord } from '../results/record.ts'
import type { Trigger } from './trigger.ts'

/** scenario.ts accepts no more preloaded rows than this. */
export const INITIAL_ROWS_MAX = 2_000_000_000
/** Flags that say who asks and where the engines are: without them the same command would answer for someone else. */
const CARRIED = /(?:^|\s)(--(?:profile|rate|growth|engines)(?:=|\s+)(?:'[^']*'|"[^"]*"|\S+))/g
const TARGETS = /(?:^|\s)(?:--target|-t)(?:=|\s+)('[^']*'|"[^"]*"|\S+)/g
const YAML = /\.ya?ml$/

export interface CommandOptions {
  readonly trigger: Trigger
  readonly study: StudyRecord
  readonly target: string
  /** Rows the stores have to hold. */
  readonly rows?: number
}

export function measureCommand(options: CommandOptions): string {
  const { trigger, study } = options
  const target = fileOf(study, options.target)
  const rows = options.rows ?? study.scenario.initialRows
  const filled: Readonly<Record<string, string>> = {
    scenario: typedScenario(study),
    target: typedTarget(study, target),
    ratePerS: String(Math.ceil(study.profile.ratePerS)),
    rows: String(Math.min(INITIAL_ROWS_MAX, Math.ceil(rows))),
  }
  const isService = study.targets.some((one) => one.name === target && one.kind === 'service')
  // A store of the user's own is never filled by us: there the flag would promise what it cannot do.
  const measure = isService
    ? trigger.measure.replace(/\s--initial-rows[ =]\S+/, '')
    : trigger.measure
  const command = measure.replaceAll(/\{(\w+)\}/g, (whole, name: string) => filled[name] ?? whole)
  return [command, ...carriedFlags(study.command, command)].join(' ')
}

/** A point of a sweep has no file of its own: the target it was made of has. */
function fileOf(study: StudyRecord, target: string): string {
  if (study.kind !== 'sweep') return target
  return study.sweep.points.find((point) => point.target === target)?.of ?? target
}

/** As it was typed, for it may be a path; the scenario's name where the flags came first. */
function typedScenario(study: StudyRecord): string {
  const { command, scenario } = study
  if (study.kind === 'sweep' && study.sweep.file !== undefined) return scenario.name
  return /\s(?:run|sweep)\s+('[^']*'|"[^"]*"|[^\s'"-]\S*)/.exec(command)?.[1] ?? scenario.name
}

/** A target of a file was given by its path: its name alone finds only those that ship. */
function typedTarget({ command }: StudyRecord, name: string): string {
  const given = [...command.matchAll(TARGETS)].flatMap(([, value = '']) =>
    value.replace(/^(['"])(.*)\1$/, '$2').split(','),
  )
  const path = given.find((one) => one.includes('/') && basename(one).replace(YAML, '') === name)
  if (path === undefined) return name
  return /^[\w./@-]+$/.test(path) ? path : `'${path}'`
}

function carriedFlags(from: string, into: string): readonly string[] {
  return [...from.matchAll(CARRIED)]
    .map((match) => match[1] ?? '')
    .filter((flag) => !into.includes(`${/^--\w+/.exec(flag)?.[0] ?? ''} `))
}
