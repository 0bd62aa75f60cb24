/** What each exit code means, once: printed by --help and in docs/exit-codes.md. */
export const EXIT_CODES = [
  [0, 'done; for run: every run completed'],
  [1, 'Headroom itself crashed: a bug'],
  [64, 'bad input: a flag, a file, an unknown name'],
  [65, 'a record cannot be read'],
  [69, 'an engine or service is missing, not ready, unreachable, crashed, or refuses everything'],
  [70, 'the driver was the limit or crashed: the figures say nothing about the target'],
  [71, 'audit: a store does not hold what was acknowledged'],
  [74, 'the disk is full or too small'],
  [
    99,
    'an SLO of a scenario that runs to its end was broken; with faults: a target did not come back',
  ],
  [130, 'interrupted; what was measured is written'],
] as const

export const EXIT_CODE_TABLE = `Exit codes:\n${EXIT_CODES.map(
  ([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`,
).join('\n')}`
