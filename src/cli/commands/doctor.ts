/** `headroom doctor`: what can run here, what is missing, and the one command that gets it. */
import type { Command, CommonFlags } from '../command.ts'
import type { Check } from '../doctor.ts'
import type { Terminal } from '../terminal.ts'
import type { Argv } from 'yargs'
import { once } from '../flags.ts'
import { outDirOf } from '../places.ts'
import type { OwnServerFlags } from './own-server-flags.ts'
import { ownServerFlags } from './own-server-flags.ts'
import { ERROR_EXIT_CODES } from '../../kit/errors.ts'

interface DoctorFlags extends CommonFlags, OwnServerFlags {
  readonly out: string | undefined
}

export const doctorCommand: Command<DoctorFlags> = {
  command: 'doctor',
  describe: 'Say what can run here and on your own servers, what is missing, and how to get it',
  builder: (yargs: Argv<CommonFlags>) =>
    ownServerFlags(yargs).option('out', {
      type: 'string',
      requiresArg: true,
      coerce: once('--out'),
      describe: 'The folder that runs would be given as --out [this folder]',
    }),
  handler: async ({ json, out, ...flags }, { terminal, signal, env }) => {
    const { examine } = await import('../doctor.ts')
    const { externalEngines } = await import('../external-engines.ts')
    const { addresses } = externalEngines(flags, env)
    const checks = await examine(outDirOf(out), addresses, signal)
    if (json) terminal.data(JSON.stringify({ checks }, null, 2))
    else for (const check of checks) print(check, terminal)
    return checks.some(({ state }) => state === 'missing') ? ERROR_EXIT_CODES.ENGINE_MISSING : 0
  },
}

/** `your clickhouse` */
const SUBJECT_COLUMNS = 15
const SIGNS = { ok: ['green', '✓'], warning: ['yellow', '!'], missing: ['red', '✗'] } as const

function print({ state, subject, finding, remedy }: Check, terminal: Terminal): void {
  const [style, sign] = SIGNS[state]
  terminal.data(`${terminal.paint(style, sign)} ${subject.padEnd(SUBJECT_COLUMNS)} ${finding}`)
  if (remedy !== null) terminal.data(`  ${''.padEnd(SUBJECT_COLUMNS)} ${remedy}`)
}
