/** `headroom sweep`: targets at every point of a grid, compared with its base. */
import type { Argv } from 'yargs'
import { SweepMode } from '../../results/sweep-record.ts'
import type { Command, CommonFlags } from '../command.ts'
import { joinedList, listed, once } from '../flags.ts'
import type { OwnServerFlags } from './own-server-flags.ts'
import { ownServerFlags } from './own-server-flags.ts'
import type { LoadFlags, ScaleFlags } from './study-flags.ts'
import { ENGINES, loadFlags, scaleFlags } from './study-flags.ts'

interface SweepFlags extends CommonFlags, OwnServerFlags, ScaleFlags, LoadFlags {
  readonly what: string | undefined
  readonly target: string | undefined
  readonly vary: readonly string[]
  readonly set: readonly string[]
  readonly mode: SweepMode | undefined
  readonly resume: string | undefined
}

export const sweepCommand: Command<SweepFlags> = {
  command: 'sweep [what]',
  describe: 'Run a scenario at every point of a grid of settings and compare with its base',
  builder: (yargs: Argv<CommonFlags>) =>
    ownServerFlags(loadFlags(scaleFlags(whatToVary(yargs))), ENGINES)
      .example(
        '$0 sweep quick -t pg-batch --vary engines.database.settings.synchronous_commit=on,off',
        'One setting, three rounds',
      )
      .example(
        '$0 sweep smoke -t pg-batch --vary scenario.batchEvents=1,10,100 --vary settings.batchRowsMax=100,1000',
        'Two, every combination',
      )
      .example('$0 sweep batch-size --dry-run', 'A sweep that ships: its grid and its time')
      .example('$0 sweep --resume 2026-11-21T10', 'What is missing of one that was stopped'),
  handler: async (flags, context) => {
    // Loaded when it is needed: help and completion stay quick.
    const { runSweepStudy } = await import('../run-sweep.ts')
    return await runSweepStudy(flags, context)
  },
}

function whatToVary(yargs: Argv<CommonFlags>) {
  return yargs
    .positional('what', {
      type: 'string',
      describe: 'A sweep (headroom list sweeps), a scenario, or the path of a YAML file of either',
    })
    .option('target', {
      alias: 't',
      type: 'string',
      requiresArg: true,
      coerce: joinedList,
      describe: 'Targets, comma-separated [those of the sweep]',
    })
    .option('vary', {
      type: 'string',
      requiresArg: true,
      default: [],
      coerce: listed,
      describe: 'path=v1,v2,… of a target or scenario.…; the first is the base; may be repeated',
    })
    .option('set', {
      type: 'string',
      requiresArg: true,
      default: [],
      coerce: listed,
      describe: 'path=value for every point; may be repeated',
    })
    .option('mode', {
      choices: SweepMode.options,
      describe: 'Every combination, or each axis alone [cross]',
    })
    .option('resume', {
      type: 'string',
      requiresArg: true,
      coerce: once('--resume'),
      describe: 'Id of a sweep that was stopped: make the runs that are missing',
    })
}
