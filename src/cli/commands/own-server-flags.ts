/** The flags that name the user's own servers: the same for every command that reaches them, one per engine. */
import type { Argv } from 'yargs'
import type { ServerKind } from '../../engines/kinds.ts'
import { dsnVariable } from '../../engines/kinds.ts'
import { once } from '../flags.ts'

/** Servers that an architecture can run on. */
type NamedKind = Exclude<ServerKind, 'kafka'>

export type OwnServerFlags = Readonly<Record<NamedKind | 'engines', string | undefined>>

const ENGINES = 'YAML file with their addresses [engines.yaml, where there is one]'

const ADDRESSES: Readonly<Record<NamedKind, string>> = {
  postgres: `Your own PostgreSQL; better as ${dsnVariable('postgres')}, which nobody else can see`,
  clickhouse: `Your own ClickHouse (HTTP); better as ${dsnVariable('clickhouse')}`,
  redis: `Your own Redis; better as ${dsnVariable('redis')}`,
}

/** @param engines what `--engines` takes, where that is more than a file */
export function ownServerFlags<T>(yargs: Argv<T>, engines = ENGINES): Argv<T & OwnServerFlags> {
  for (const [kind, describe] of Object.entries(ADDRESSES))
    yargs.option(kind, address(kind, describe))
  return yargs.option('engines', address('engines', engines)) as Argv<T & OwnServerFlags>
}

function address(name: string, describe: string) {
  return { type: 'string', requiresArg: true, coerce: once(`--${name}`), describe } as const
}
