/** `headroom claims`: what documents claim, measured here by experiments. */
import type { Argv } from 'yargs'
import { SCALES } from '../../scenario/experiment.ts'
import type { ScaleName } from '../../scenario/experiment.ts'
import type { Command, CommonFlags } from '../command.ts'
import { once } from '../flags.ts'
import type { OwnServerFlags } from './own-server-flags.ts'
import { ownServerFlags } from './own-server-flags.ts'

const ENGINES =
  'embedded, compose, or a YAML file with your servers’ addresses [engines.yaml, else embedded]'

interface ClaimsFlags extends CommonFlags, OwnServerFlags {
  readonly ids: readonly string[] | undefined
  readonly list: boolean
  readonly scale: ScaleName
  readonly resume: string | undefined
  readonly out: string | undefined
}

export const claimsCommand: Command<ClaimsFlags> = {
  command: 'claims [ids..]',
  describe: 'Measure what documents claim: confirmed, qualified, refuted or not measured',
  builder: (yargs: Argv<CommonFlags>) =>
    ownServerFlags(whatToMeasure(yargs), ENGINES)
      .example('$0 claims', 'All of them, in less than a quarter of an hour')
      .example('$0 claims G1 G2', 'Two of them')
      .example('$0 claims my-claim.yaml', 'A claim of your own')
      .example('$0 claims --list', 'What is claimed, where, and how long it takes to measure'),
  handler: async (flags, context) => {
    const { measureClaims } = await import('../measure-claims.ts')
    return await measureClaims({ ...flags, ids: flags.ids ?? [] }, context)
  },
}

function whatToMeasure(yargs: Argv<CommonFlags>) {
  return yargs
    .positional('ids', {
      type: 'string',
      array: true,
      describe: 'Ids (headroom claims --list) or paths of YAML files [all]',
    })
    .option('list', {
      type: 'boolean',
      default: false,
      describe: 'Say what is claimed and where; measure nothing',
    })
    .option('scale', {
      choices: SCALES,
      default: 'small' as const,
      describe: 'How much of everything: tiny for a test, small for minutes, full for a soak',
    })
    .option('resume', {
      type: 'string',
      requiresArg: true,
      coerce: once('--resume'),
      describe: 'Folder of a study that was killed: go on behind the experiments it holds',
    })
    .option('out', {
      type: 'string',
      requiresArg: true,
      coerce: once('--out'),
      describe: 'Folder for results/, reports/ and engine data while it runs [this folder]',
    })
}
