#!/usr/bin/env node
/** The process: terminal, signals, exit code. Everything a command does happens behind `runProgram`. */
import { tellFailure } from './failure.ts'
import { interruptible } from './interrupt.ts'
import { runProgram } from './program.ts'
import { withoutSecrets } from './secrets.ts'
import { systemTerminal } from './terminal.ts'

/** Sockets of a client that was not closed must not keep a finished command alive. */
const LINGER_MS = 3_000

const args = process.argv.slice(2)
const terminal = systemTerminal(process)
const { signal, stopListening } = interruptible(terminal)
try {
  process.exitCode = await runProgram(args, {
    terminal,
    signal,
    env: process.env,
    typed: withoutSecrets(args),
  })
} catch (error) {
  process.exitCode = tellFailure(error, terminal, args.includes('--json'))
} finally {
  stopListening()
}
setTimeout(() => process.exit(), LINGER_MS).unref()
