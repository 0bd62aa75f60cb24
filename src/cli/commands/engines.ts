/** `headroom engines`: which engines and extensions are here beside those that npm brings, and fetching the others. */
import type { Argv } from 'yargs'
import type { Command, CommonFlags } from '../command.ts'
import { once } from '../flags.ts'

interface EnginesFlags extends CommonFlags {
  readonly action: string
  readonly names: readonly string[] | undefined
  readonly mirror: string | undefined
  readonly 'allow-unsigned': boolean
  readonly upgrade: boolean
}

export const enginesCommand: Command<EnginesFlags> = {
  command: 'engines <action> [names..]',
  describe: 'Fetch Redis, PgBouncer, TimescaleDB and pg_partman without root, or list what is here',
  builder: (yargs: Argv<CommonFlags>) =>
    yargs
      .positional('action', {
        type: 'string',
        demandOption: true,
        choices: ['list', 'install'],
        describe: 'list: what is here; install: fetch what is not',
      })
      .positional('names', {
        type: 'string',
        array: true,
        describe: 'redis, pgbouncer, timescaledb, pg_partman [all]',
      })
      .option('mirror', {
        type: 'string',
        requiresArg: true,
        coerce: once('--mirror'),
        describe: 'Address of a Debian mirror [the one that this machine’s apt uses]',
      })
      .option('allow-unsigned', {
        type: 'boolean',
        default: false,
        describe: 'Go on where Debian’s keyring is not here to check signatures with',
      })
      .option('upgrade', {
        type: 'boolean',
        default: false,
        describe: 'Fetch the newest version of what is here already',
      })
      .example('$0 engines install', 'Everything, into .headroom/engines')
      .example('$0 engines install redis pgbouncer', 'Only these'),
  handler: async ({ action, names, json, ...flags }, { terminal, signal }) => {
    const { install, installationLine, list, listLines } = await import('../packages.ts')
    if (action === 'list') {
      const entries = list(names ?? [])
      if (json) terminal.data(JSON.stringify({ engines: entries }, null, 2))
      else for (const line of listLines(entries)) terminal.data(line)
      return 0
    }
    const { dir, engines } = await install(names ?? [], {
      ...(flags.mirror === undefined ? {} : { mirror: flags.mirror }),
      allowUnsigned: flags['allow-unsigned'],
      isUpgrade: flags.upgrade,
      signal,
      log: (line) => {
        terminal.talk(line)
      },
    })
    if (json) terminal.data(JSON.stringify({ dir, engines }, null, 2))
    else for (const engine of engines) terminal.data(installationLine(engine))
    return 0
  },
}
