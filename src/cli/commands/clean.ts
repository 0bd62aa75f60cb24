/** `headroom clean`: ends and removes what a killed Headroom left behind. Results and reports are never touched. */
import type { Argv } from 'yargs'
import type { Command, CommonFlags } from '../command.ts'
import { once } from '../flags.ts'
import { workDirOf } from '../places.ts'

interface CleanFlags extends CommonFlags {
  readonly out: string | undefined
}

export const cleanCommand: Command<CleanFlags> = {
  command: 'clean',
  describe: 'End processes and remove engine data that a killed Headroom left behind',
  builder: (yargs: Argv<CommonFlags>) =>
    yargs.option('out', {
      type: 'string',
      describe: 'The folder that was given to run as --out',
      coerce: once('--out'),
    }),
  handler: async ({ out, json }, { terminal }) => {
    const { cleanLeftovers } = await import('../../kit/leftovers.ts')
    const cleaned = await cleanLeftovers(workDirOf(out), (line) => {
      terminal.talk(line)
    })
    if (json) terminal.data(JSON.stringify(cleaned, null, 2))
    else if (cleaned.runs.length === 0) terminal.data('nothing was left behind')
    return 0
  },
}
