/** `headroom list`: what there is to choose from, and what has been run. */
import type { Argv } from 'yargs'
import type { Command, CommonFlags } from '../command.ts'
import type { Entry } from '../catalogue.ts'
import { once } from '../flags.ts'
import type { Terminal } from '../terminal.ts'

const KINDS = [
  'scenarios',
  'sweeps',
  'targets',
  'architectures',
  'profiles',
  'triggers',
  'claims',
  'experiments',
  'runs',
  'metrics',
] as const

interface ListFlags extends CommonFlags {
  readonly what: string | undefined
  readonly out: string | undefined
}

export const listCommand: Command<ListFlags> = {
  command: 'list [what]',
  describe:
    'List scenarios, sweeps, targets, architectures, claims, runs, metrics, triggers and profiles',
  builder: (yargs: Argv<CommonFlags>) =>
    yargs
      .positional('what', {
        type: 'string',
        choices: KINDS,
        describe: 'One kind; without it everything but metrics',
      })
      .option('out', {
        type: 'string',
        describe: 'Folder below which results/ lies (for runs)',
        coerce: once('--out'),
      })
      .example('$0 list targets', 'What a scenario can be run against')
      .example('$0 list runs --json', 'Every study on disk, for scripts'),
  handler: async ({ what, json, out }, { terminal }) => {
    const { CATALOGUES } = await import('../catalogue.ts')
    const kinds = Object.entries(CATALOGUES).filter(([name]) =>
      what === undefined ? name !== 'metrics' : name === what,
    )
    const lists: [string, readonly Entry[]][] = []
    for (const [name, catalogue] of kinds)
      lists.push([name, await catalogue({ resultsBaseDir: out ?? '.' })])
    if (json) {
      const only = lists[0]?.[1] ?? []
      terminal.data(JSON.stringify(what === undefined ? Object.fromEntries(lists) : only, null, 2))
    } else {
      for (const [name, entries] of lists) print(name, entries, terminal)
    }
    return 0
  },
}

function print(kind: string, entries: readonly Entry[], terminal: Terminal): void {
  const width = Math.max(0, ...entries.map(({ name }) => name.length))
  terminal.data(`${kind}${entries.length === 0 ? ': none' : ''}`)
  for (const { name, description } of entries) {
    terminal.data(`  ${name.padEnd(width)}  ${description}`.trimEnd())
  }
}
