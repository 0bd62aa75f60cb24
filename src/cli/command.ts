/** What every command is made of: the flags it takes and one function that answers with an exit code. */
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs'
import type { Terminal } from './terminal.ts'

/** What a command may touch besides its own arguments. */
export interface CommandContext {
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly env: Readonly<Record<string, string | undefined>>
  /** The command line as typed after `headroom`, without secrets. */
  readonly typed: string
}

export interface CommonFlags {
  readonly json: boolean
}

export interface Command<Flags> {
  readonly command: string | readonly string[]
  readonly describe: string
  readonly builder: (yargs: Argv<CommonFlags>) => Argv<Flags>
  readonly handler: (flags: ArgumentsCamelCase<Flags>, context: CommandContext) => Promise<number>
}

/** For yargs: the exit code goes to `finish`, the context comes from `context`. */
export function toModule<Flags>(
  command: Command<Flags>,
  context: CommandContext,
  finish: (exitCode: number) => void,
): CommandModule<CommonFlags, Flags> {
  return {
    command: command.command,
    describe: command.describe,
    builder: command.builder,
    handler: async (flags) => {
      finish(await command.handler(flags, context))
    },
  }
}
