/** `headroom report`: draws a study's report again from its records. */
import type { Argv } from 'yargs'
import type { Command, CommonFlags } from '../command.ts'
import { once } from '../flags.ts'

interface ReportFlags extends CommonFlags {
  readonly run: string
  readonly out: string | undefined
}

export const reportCommand: Command<ReportFlags> = {
  command: 'report [run]',
  describe: 'Draw the report of a study again from its records, byte for byte',
  builder: (yargs: Argv<CommonFlags>) =>
    yargs
      .positional('run', {
        type: 'string',
        default: 'latest',
        describe: 'Id of a study or the beginning of one (headroom list runs), a folder, or latest',
      })
      .option('out', {
        type: 'string',
        requiresArg: true,
        coerce: once('--out'),
        describe: 'Folder below which results/ and reports/ lie [this folder]',
      })
      .example('$0 report', 'The last study')
      .example('$0 report 2026-11-21T10 --json', 'What was found, for scripts'),
  handler: async (flags, context) => {
    const { redrawReport } = await import('../redraw-report.ts')
    return await redrawReport(flags, context)
  },
}
