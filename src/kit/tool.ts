/** Short-lived programs of the system. In: a command line. Out: what it printed, or its last words as an error. */
import { execFile } from 'node:child_process'
import { inheritedEnv } from './withheld.ts'

export interface ToolOptions {
  readonly cwd?: string
  readonly signal: AbortSignal
}

/** A program that could not be started (`missing`) or ended with something else than 0. */
export class ToolFailure extends Error {
  readonly how: 'missing' | 'failed'
  /** Lines it printed that say what is wrong; the last ones are the most telling. */
  readonly said: readonly string[]

  constructor(how: 'missing' | 'failed', command: string, said: readonly string[]) {
    super(
      how === 'missing' ? `there is no ${command} here` : `${command}: ${said.at(-1) ?? 'failed'}`,
    )
    this.name = 'ToolFailure'
    this.how = how
    this.said = said
  }
}

const OUTPUT_BYTES_MAX = 64 * 2 ** 20

/** @returns its standard output. @throws ToolFailure, or the signal's reason */
export async function runTool(
  command: string,
  args: readonly string[],
  { cwd, signal }: ToolOptions,
): Promise<string> {
  signal.throwIfAborted()
  return await new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      {
        signal,
        maxBuffer: OUTPUT_BYTES_MAX,
        env: { ...inheritedEnv(), LC_ALL: 'C' },
        ...(cwd === undefined ? {} : { cwd }),
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else if (signal.aborted) reject(signal.reason as Error)
        else if (error.code === 'ENOENT') reject(new ToolFailure('missing', command, []))
        else reject(new ToolFailure('failed', command, linesOf(stderr)))
      },
    )
  })
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
