/** `headroom run`: a scenario against one or more targets, then the report. */
import type { Argv } from 'yargs'
import type { Command, CommonFlags } from '../command.ts'
import { joinedList } from '../flags.ts'
import type { OwnServerFlags } from './own-server-flags.ts'
import { ownServerFlags } from './own-server-flags.ts'
import type { LoadFlags, ScaleFlags } from './study-flags.ts'
import { ENGINES, loadFlags, scaleFlags } from './study-flags.ts'

interface RunFlags extends CommonFlags, OwnServerFlags, ScaleFlags, LoadFlags {
  readonly scenario: string
  readonly target: string
}

export const runCommand: Command<RunFlags> = {
  command: 'run <scenario>',
  describe: 'Run a scenario against targets, judge the triggers, write the report',
  builder: (yargs: Argv<CommonFlags>) =>
    ownServerFlags(loadFlags(scaleFlags(whatToRun(yargs))), ENGINES)
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
}
