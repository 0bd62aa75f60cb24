/** `headroom run`: a scenario against one or more targets, then the report. */
import type { Argv } from 'yargs'
import type { Command, CommonFlags } from '../command.ts'
import {
  growthRatio,
  joinedList,
  once,
  positiveInteger,
  positiveNumber,
  positiveNumbers,
} from '../flags.ts'
import type { OwnServerFlags } from './own-server-flags.ts'
import { ownServerFlags } from './own-server-flags.ts'

const ENGINES =
  'embedded, compose, or a YAML file with your servers’ addresses [engines.yaml, else embedded]'
const ROUNDS_MAX = 1_000
const INITIAL_ROWS_MAX = 2_000_000_000

interface RunFlags extends CommonFlags, OwnServerFlags {
  readonly scenario: string
  readonly target: string
  readonly profile: string | undefined
  readonly rate: number | undefined
  readonly growth: number | undefined
  readonly rounds: number | undefined
  readonly rates: readonly number[] | undefined
  readonly 'initial-rows': number | undefined
  readonly out: string | undefined
  readonly 'dry-run': boolean
}

export const runCommand: Command<RunFlags> = {
  command: 'run <scenario>',
  describe: 'Run a scenario against targets, judge the triggers, write the report',
  builder: (yargs: Argv<CommonFlags>) =>
    ownServerFlags(yourLoad(whatToRun(yargs)), ENGINES)
      .example('$0 run quick --target pg-direct,pg-batch', 'Two architectures, three rounds')
      .example('$0 run quick --target pg-direct --rate 800 --growth 8%', 'Your load and growth')
      .example('$0 run sustain --target pg-direct --rounds 1', 'One long run')
      .example(
        'HEADROOM_POSTGRES_DSN=postgres://me@db/test $0 run smoke --target pg-direct',
        'Your own PostgreSQL',
      ),
  handler: async (flags, context) => {
    // Loaded when it is needed: help and completion stay quick.
    const { runStudy } = await import('../run-study.ts')
    return await runStudy(flags, context)
  },
}

function whatToRun(yargs: Argv<CommonFlags>) {
  return yargs
    .positional('scenario', {
      type: 'string',
      demandOption: true,
      describe: 'Name (headroom list scenarios) or path of a YAML file',
    })
    .option('target', {
      alias: 't',
      type: 'string',
      demandOption: 'say what to run against: --target pg-direct,pg-batch',
      requiresArg: true,
      coerce: joinedList,
      describe: 'Targets, comma-separated: names (headroom list targets) or paths',
    })
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

function yourLoad<T>(yargs: Argv<T>) {
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
