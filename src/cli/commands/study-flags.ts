/** The flags that every command takes that makes a study: how it is scaled, who asks, where it is written. */
import type { Argv } from 'yargs'
import { growthRatio, once, positiveInteger, positiveNumber, positiveNumbers } from '../flags.ts'

export const ENGINES =
  'embedded, compose, or a YAML file with your servers’ addresses [engines.yaml, else embedded]'
const ROUNDS_MAX = 1_000
const INITIAL_ROWS_MAX = 2_000_000_000

export interface ScaleFlags {
  readonly rounds: number | undefined
  readonly rates: readonly number[] | undefined
  readonly 'initial-rows': number | undefined
  readonly 'dry-run': boolean
  readonly out: string | undefined
}

export interface LoadFlags {
  readonly profile: string | undefined
  readonly rate: number | undefined
  readonly growth: number | undefined
}

/** How a scenario is scaled, and what is only looked at. */
export function scaleFlags<T>(yargs: Argv<T>): Argv<T & ScaleFlags> {
  return yargs
    .option('rounds', {
      type: 'string',
      requiresArg: true,
      coerce: positiveInteger('--rounds', ROUNDS_MAX),
      describe: 'Interleaved repetitions; a ranking needs three [the scenario’s own]',
    })
    .option('rates', {
      type: 'string',
      requiresArg: true,
      coerce: positiveNumbers('--rates'),
      describe: 'Events per second to offer, comma-separated: the steps of the scenario',
    })
    .option('initial-rows', {
      type: 'string',
      requiresArg: true,
      coerce: positiveInteger('--initial-rows', INITIAL_ROWS_MAX),
      describe: 'Rows in every store before the first event',
    })
    .option('dry-run', {
      type: 'boolean',
      default: false,
      describe: 'Look at everything, create nothing: list what a run would make and where',
    })
    .option('out', {
      type: 'string',
      requiresArg: true,
      coerce: once('--out'),
      describe: 'Folder for results/, reports/ and engine data while it runs [this folder]',
    })
}

/** Who asks, where it is not the profile. */
export function loadFlags<T>(yargs: Argv<T>): Argv<T & LoadFlags> {
  return yargs
    .option('profile', {
      type: 'string',
      requiresArg: true,
      coerce: once('--profile'),
      describe: 'Who asks: name or path of a profile [sample]',
    })
    .option('rate', {
      type: 'string',
      requiresArg: true,
      coerce: positiveNumber('--rate', 'events per second'),
      describe: 'Your events per second today, instead of the profile’s',
    })
    .option('growth', {
      type: 'string',
      requiresArg: true,
      coerce: growthRatio('--growth'),
      describe: 'Your growth per month, 0.08 or 8%, instead of the profile’s',
    })
}
