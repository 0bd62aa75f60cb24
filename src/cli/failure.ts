/**
 * How an error is told. In: anything that was thrown. Out: what, where, why and what to do in at most four lines, or a
 * list of problems; and the exit code. A programmer's mistake keeps its stack and ends with 1.
 */
import { HeadroomError } from '../kit/errors.ts'
import type { Problem } from '../kit/errors.ts'
import type { Terminal } from './terminal.ts'

const PROBLEMS_SHOWN_MAX = 50

export interface Failure {
  readonly exitCode: number
  readonly code: string
  readonly lines: readonly string[]
}

export function failureOf(error: unknown): Failure {
  const known = expectedError(error)
  if (known === null) {
    return { exitCode: 1, code: 'CRASH', lines: crashLines(error) }
  }
  return { exitCode: known.exitCode, code: known.code, lines: expectedLines(known) }
}

/** On stderr for people; with --json also as one JSON object on stdout. */
export function tellFailure(error: unknown, terminal: Terminal, json: boolean): number {
  const failure = failureOf(error)
  failure.lines.forEach((line, index) => {
    terminal.talk(index === 0 ? terminal.paint('red', line) : line)
  })
  if (json) {
    const known = expectedError(error)
    const error_ = {
      code: failure.code,
      exitCode: failure.exitCode,
      message: known?.message ?? failure.lines[0],
      hint: known?.hint ?? null,
      problems: known?.problems ?? [],
    }
    terminal.data(JSON.stringify({ error: error_ }, null, 2))
  }
  return failure.exitCode
}

/** If body and clean-up both failed, tsc's `await using` throws an error that carries both: the body's matters. */
function expectedError(error: unknown): HeadroomError | null {
  if (error instanceof HeadroomError) return error
  const { suppressed, errors } = error as {
    readonly suppressed?: unknown
    readonly errors?: unknown
  }
  if (suppressed instanceof HeadroomError) return suppressed
  if (!Array.isArray(errors)) return null
  return errors.find((inner) => inner instanceof HeadroomError) ?? null
}

function expectedLines(error: HeadroomError): readonly string[] {
  const first = `${error.message} [${error.code}]`
  if (error.problems.length > 0) {
    return [
      first,
      ...error.problems.slice(0, PROBLEMS_SHOWN_MAX).flatMap(problemLines),
      ...cut(error),
    ]
  }
  const why = error.cause instanceof Error ? firstLine(error.cause.message) : null
  const known = why === null || error.message.includes(why) ? [] : [`  because: ${why}`]
  return [first, ...known, ...(error.hint === null ? [] : hintLines(error.hint))]
}

function problemLines(problem: Problem): readonly string[] {
  const place = problem.line === null ? problem.file : `${problem.file}:${String(problem.line)}`
  const path = problem.path === '' ? '' : `${problem.path}: `
  return [`  ${place}  ${path}${problem.message}`, `      ${problem.remedy}`]
}

function cut({ problems }: HeadroomError): readonly string[] {
  const more = problems.length - PROBLEMS_SHOWN_MAX
  return more > 0 ? [`  … and ${String(more)} more`] : []
}

function hintLines(hint: string): readonly string[] {
  return hint
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `  ${line}`)
}

function crashLines(error: unknown): readonly string[] {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const { suppressed } = error as { readonly suppressed?: unknown }
  const first = suppressed instanceof Error ? [suppressed.stack ?? suppressed.message] : []
  return [
    'Headroom itself failed: this is a bug, not something you did. [exit 1]',
    ...first,
    stack,
    'Please report it with the lines above and the command you ran.',
  ]
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text
}
