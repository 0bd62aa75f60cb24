/** `headroom init`: commented files for a service of the user's own. */
import type { Argv } from 'yargs'
import type { Command, CommonFlags } from '../command.ts'
import { once } from '../flags.ts'

interface InitFlags extends CommonFlags {
  readonly folder: string | undefined
  readonly speaks: 'contract' | 'template'
  readonly url: string | undefined
  readonly demo: boolean
  readonly force: boolean
}

export const initCommand: Command<InitFlags> = {
  command: 'init [folder]',
  describe: 'Write a commented target, scenario and profile for a service of your own',
  builder: (yargs: Argv<CommonFlags>) =>
    yargs
      .positional('folder', { type: 'string', describe: 'Where to write them [this folder]' })
      .option('speaks', {
        choices: ['contract', 'template'] as const,
        default: 'contract' as const,
        describe: 'Headroom’s HTTP contract, or your own language through a request template',
      })
      .option('url', {
        type: 'string',
        requiresArg: true,
        coerce: once('--url'),
        describe: 'Where the service answers, for example https://ingest.example.com',
      })
      .option('demo', {
        type: 'boolean',
        default: false,
        describe: 'Write a small service too (Python 3), and a target that starts it',
      })
      .option('force', {
        type: 'boolean',
        default: false,
        describe: 'Write over files that are there already',
      })
      .example(
        '$0 init',
        'targets/my-service.yaml, scenarios/my-load.yaml, profiles/my-profile.yaml',
      )
      .example('$0 init try-out --demo', 'The same, with a service to try it on')
      .example('$0 init --speaks template --url https://ingest.example.com', 'Your own requests'),
  handler: async (flags, { terminal }) => {
    const { initFolder } = await import('../init-folder.ts')
    initFolder(flags, terminal)
    return 0
  },
}
