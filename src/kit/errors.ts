/** Every error a user can meet: one table of codes, each with the exit code the process ends with. */
export const ERROR_EXIT_CODES = {
  BAD_INPUT: 64,
  FILE_NOT_FOUND: 64,
  UNKNOWN_TARGET: 64,
  UNKNOWN_SCENARIO: 64,
  UNKNOWN_RUN: 64,
  ENGINE_MISSING: 69,
  ENGINE_NOT_READY: 69,
  ENGINE_CRASHED: 69,
  ENGINE_UNREACHABLE: 69,
  ENGINE_AUTH_FAILED: 69,
  ENGINE_TLS_FAILED: 69,
  ENGINE_RIGHTS_MISSING: 69,
  SERVICE_NOT_READY: 69,
  SERVICE_CRASHED: 69,
  NOTHING_ACCEPTED: 69,
  PORT_TAKEN: 69,
  DOCKER_MISSING: 69,
  DOCKER_NOT_RUNNING: 69,
  COMPOSE_TOO_OLD: 69,
  IMAGE_MISSING: 69,
  DISK_FULL: 74,
  DISK_TOO_SMALL: 74,
  RECORD_UNREADABLE: 65,
  DRIVER_CRASHED: 70,
  DRIVER_SATURATED: 70,
  AUDIT_MISMATCH: 71,
  THRESHOLD_BROKEN: 99,
  INTERRUPTED: 130,
} as const

export type ErrorCode = keyof typeof ERROR_EXIT_CODES

/** One thing wrong with what the user gave: where it stands and what to do about it. */
export interface Problem {
  readonly file: string
  /** 1-based; null where the problem has no line (a missing file, a flag). */
  readonly line: number | null
  /** Dotted path into the document, empty for the whole file. */
  readonly path: string
  readonly message: string
  readonly remedy: string
}

export interface HeadroomErrorOptions {
  /** What the user can do now. */
  readonly hint?: string
  readonly problems?: readonly Problem[]
  readonly cause?: unknown
}

/** An expected failure: it is printed without a stack and ends the process with its code's exit code. */
export class HeadroomError extends Error {
  readonly code: ErrorCode
  readonly hint: string | null
  readonly problems: readonly Problem[]

  constructor(code: ErrorCode, message: string, options: HeadroomErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'HeadroomError'
    this.code = code
    this.hint = options.hint ?? null
    this.problems = options.problems ?? []
  }

  get exitCode(): number {
    return ERROR_EXIT_CODES[this.code]
  }
}

/** A programmer's mistake, never the user's: thrown as a plain error with a stack. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
