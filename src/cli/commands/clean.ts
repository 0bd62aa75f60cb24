/**
 * `headroom clean`: ends and removes what a killed Headroom left behind, here and on the user's own servers. Results and
 * reports are never touched.
 */
import type { Argv } from 'yargs'
import { ERROR_EXIT_CODES } from '../../kit/errors.ts'
import type { Command, CommonFlags } from '../command.ts'
import { once } from '../flags.ts'
import { workDirOf } from '../places.ts'
import type { OwnServerFlags } from './own-server-flags.ts'
import { ownServerFlags } from './own-server-flags.ts'

interface CleanFlags extends CommonFlags, OwnServerFlags {
  readonly out: string | undefined
}

export const cleanCommand: Command<CleanFlags> = {
  command: 'clean',
  describe: 'Remove what a killed Headroom left: processes, data, databases on your own servers',
  builder: (yargs: Argv<CommonFlags>) =>
    ownServerFlags(yargs).option('out', {
      type: 'string',
      describe: 'The folder that was given to run as --out',
      coerce: once('--out'),
    }),
  handler: async ({ json, ...flags }, { terminal, env }) => {
    const { cleanLeftovers } = await import('../../kit/leftovers.ts')
    const { externalEngines } = await import('../external-engines.ts')
    const { cleanServers, remains } = await import('../../engines/own-leftovers.ts')
    const { addresses } = externalEngines(flags, env)
    const log = (line: string): void => {
      terminal.talk(line)
    }
    const workDir = workDirOf(flags.out)
    const { runs } = await cleanLeftovers(workDir, log)
    const servers = await cleanServers(workDir, addresses, log)
    if (json) terminal.data(JSON.stringify({ runs, servers }, null, 2))
    else if (runs.length === 0 && servers.length === 0) {
      terminal.data(
        `nothing was left behind below ${workDir}; what a run elsewhere left is noted there: clean in its folder, or with its --out`,
      )
    }
    return servers.some(remains) ? ERROR_EXIT_CODES.ENGINE_UNREACHABLE : 0
  },
}
