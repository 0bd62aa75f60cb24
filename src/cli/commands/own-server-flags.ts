/** The flags that name the user's own servers: the same for every command that reaches them. */
import type { Argv } from 'yargs'
import { once } from '../flags.ts'

export interface OwnServerFlags {
  readonly postgres: string | undefined
  readonly clickhouse: string | undefined
  readonly engines: string | undefined
}

const ENGINES = 'YAML file with their addresses [engines.yaml, where there is one]'

/** @param engines what `--engines` takes, where that is more than a file */
export function ownServerFlags<T>(yargs: Argv<T>, engines = ENGINES): Argv<T & OwnServerFlags> {
  return yargs
    .option('postgres', {
      type: 'string',
      requiresArg: true,
      coerce: once('--postgres'),
      describe: 'Your own PostgreSQL; better as HEADROOM_POSTGRES_DSN, which nobody else can see',
    })
    .option('clickhouse', {
      type: 'string',
      requiresArg: true,
      coerce: once('--clickhouse'),
      describe: 'Your own ClickHouse (HTTP); better as HEADROOM_CLICKHOUSE_DSN',
    })
    .option('engines', {
      type: 'string',
      requiresArg: true,
      coerce: once('--engines'),
      describe: engines,
    })
}
