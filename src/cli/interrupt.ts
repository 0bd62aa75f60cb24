/**
 * Ctrl-C and friends. In: the process's signals. Out: one AbortSignal. The first signal asks everything to stop and a
 * partial report to be written; the second ends the process at once, and the guardian ends its children.
 */
import { ERROR_EXIT_CODES, HeadroomError } from '../kit/errors.ts'
import type { Terminal } from './terminal.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function interruptible(terminal: Terminal): {
  readonly signal: AbortSignal
  readonly stopListening: () => void
} {
  const controller = new AbortController()
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(ERROR_EXIT_CODES.INTERRUPTED)
    terminal.talk(
      `\n${name}: stopping engines and writing what was measured; once more ends everything at once`,
    )
    controller.abort(new HeadroomError('INTERRUPTED', `interrupted by ${name}`))
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  return {
    signal: controller.signal,
    stopListening: () => {
      for (const name of SIGNALS) process.off(name, onSignal)
    },
  }
}
