/**
 * The command line. In: what was typed. Out: an exit code. It knows the commands and what they share: help, completion,
 * and how a mistake in the flags is told.
 */
import yargs from 'yargs'
import type { Argv } from 'yargs'
import { HeadroomError } from '../kit/errors.ts'
import { nearest, suggest } from '../kit/nearest.ts'
import type { CommandContext, CommonFlags } from './command.ts'
import { toModule } from './command.ts'
import { claimsCommand } from './commands/claims.ts'
import { cleanCommand } from './commands/clean.ts'
import { doctorCommand } from './commands/doctor.ts'
import { enginesCommand } from './commands/engines.ts'
import { initCommand } from './commands/init.ts'
import { listCommand } from './commands/list.ts'
import { reportCommand } from './commands/report.ts'
import { runCommand } from './commands/run.ts'
import { schemaCommand } from './commands/schema.ts'
import { sweepCommand } from './commands/sweep.ts'
import { EXIT_CODE_TABLE } from './exit-codes.ts'
import { version } from './version.ts'

const HELP_COLUMNS_MAX = 100

/** @returns the exit code; throws what a command threw */
export async function runProgram(
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  let exitCode = 0
  const finish = (code: number): void => {
    exitCode = code
  }
  const program = buildProgram(args, context, finish)
  await program.parseAsync()
  return exitCode
}

function buildProgram(
  args: readonly string[],
  context: CommandContext,
  finish: (exitCode: number) => void,
): Argv<CommonFlags> {
  let program: Argv<CommonFlags> = yargs([...args])
    .scriptName('headroom')
    .locale('en')
    .usage('$0 <command>\n\nWhich event-ingestion architecture, and when must I migrate?')
    .option('json', {
      type: 'boolean',
      default: false,
      global: true,
      describe: 'Only JSON on stdout',
    })
  program = program
    .command(toModule(runCommand, context, finish))
    .command(toModule(sweepCommand, context, finish))
    .command(toModule(claimsCommand, context, finish))
    .command(toModule(reportCommand, context, finish))
    .command(toModule(listCommand, context, finish))
    .command(toModule(doctorCommand, context, finish))
    .command(toModule(enginesCommand, context, finish))
    .command(toModule(cleanCommand, context, finish))
    .command(toModule(initCommand, context, finish))
    .command(toModule(schemaCommand, context, finish))
    .completion('completion', 'Print a completion script for bash or zsh')
    .example('$0 run quick --target pg-direct,pg-batch', 'Compare two architectures')
    .example('$0 run quick --target pg-direct --rate 800 --growth 8%', 'Judge for your own load')
    .example('$0 run my-load.yaml --target my-target.yaml', 'Your own traffic and settings')
    .example('$0 init', 'Files for a service of your own')
    .example('$0 claims G1 G2', 'Check what documents claim')
    .example('$0 report', 'Draw the last report again')
    .epilog(
      `${EXIT_CODE_TABLE}\n\nscenarios, sweeps, targets, profiles and triggers are YAML files: headroom list`,
    )
    .demandCommand(
      1,
      'say what to do: run, sweep, claims, report, list, doctor, engines, clean, init, schema or completion',
    )
    .strict()
    .version(version)
    .help()
    .wrap(Math.min(HELP_COLUMNS_MAX, context.terminal.columns))
    .exitProcess(false)
    .parserConfiguration({ 'strip-dashed': true })
    .fail((message, error) => {
      // yargs hands over what a handler or a coercion threw, or its own words about the flags.
      const thrown = error as Error | undefined
      if (thrown !== undefined && thrown.name !== 'YError') throw thrown
      throw badUsage(message, args, program)
    })
  return program
}

const COMMANDS = [
  ...['run', 'sweep', 'claims', 'report', 'list', 'doctor', 'engines', 'clean', 'init', 'schema'],
  'completion',
]

/** yargs names the first thing it misses; a misspelt word is more often the cause, and is told first. */
function badUsage(
  message: string,
  args: readonly string[],
  program: Argv<CommonFlags>,
): HeadroomError {
  const command = args.find((arg) => COMMANDS.includes(arg))
  const help = `see headroom ${command === undefined ? '' : `${command} `}--help`
  const told = misspeltCommand(args, command) ?? misspeltFlag(args, program) ?? inOurWords(message)
  return new HeadroomError('BAD_INPUT', told?.message ?? sentence(message), {
    hint: told === null ? help : `${told.remedy}\n${help}`,
  })
}

interface Misspelt {
  readonly message: string
  readonly remedy: string
}

function misspeltFlag(args: readonly string[], program: Argv<CommonFlags>): Misspelt | null {
  const known = flagsOf(program)
  const unknown = args
    .filter((arg) => arg.startsWith('--') && arg !== '--')
    .map((arg) => arg.slice(2).split('=')[0] ?? '')
    .find((name) => !known.includes(name.replace(/^no-/, '')))
  if (unknown === undefined) return null
  const near = nearest(unknown, known)
  const remedy = near === null ? 'leave it out' : `did you mean --${near}?`
  return { message: `there is no flag --${unknown} here`, remedy }
}

function misspeltCommand(args: readonly string[], command: string | undefined): Misspelt | null {
  const first = args.find((arg) => !arg.startsWith('-'))
  if (first === undefined || command !== undefined) return null
  return { message: `there is no command "${first}"`, remedy: suggest(first, COMMANDS) }
}

/** yargs shows its options only through this method, which its types leave out. */
function flagsOf(program: Argv<CommonFlags>): readonly string[] {
  const { key, alias } = (program as unknown as ShowsOptions).getOptions()
  return [...Object.keys(key), ...Object.values(alias).flat()].filter((name) => name.length > 1)
}

interface ShowsOptions {
  getOptions(): { readonly key: object; readonly alias: Readonly<Record<string, string[]>> }
}

/** yargs' own words, and those of a flag's check: what is wrong on the first line, what to do on the second. */
function inOurWords(message: string): Misspelt | null {
  const missing = /^Missing required arguments?: (\S+)\s*([^]*)$/.exec(message)
  if (missing !== null)
    return { message: `--${missing[1] ?? ''} is missing`, remedy: missing[2] ?? '' }
  const empty = /^Not enough arguments following: (\S+)$/.exec(message)
  if (empty !== null) {
    const flag = `--${empty[1] ?? ''}`
    return { message: `${flag} has no value`, remedy: `write ${flag} <value>` }
  }
  const choice = /Argument: (\w+), Given: "(.*)", Choices: (.*)/.exec(message)
  if (choice !== null) {
    const known = (choice[3] ?? '').replaceAll('"', '').split(', ')
    const given = choice[2] ?? ''
    return {
      message: `"${given}" is nothing to ${choice[1] === 'what' ? 'list' : 'choose'}`,
      remedy: suggest(given, known),
    }
  }
  const [first = '', ...rest] = message.split('\n')
  return first.startsWith('--') ? { message: first, remedy: rest.join(' ') } : null
}

function sentence(message: string): string {
  const line = message.replaceAll(/\s*\n\s*/g, ' ').trim()
  if (line.startsWith('Not enough non-option arguments'))
    return 'a name is missing after the command'
  return line === '' ? 'the command line is not complete' : line
}
