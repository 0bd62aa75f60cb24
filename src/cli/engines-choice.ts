/**
 * Where engines come from. In: `--engines`, which is a word or the path of an engines.yaml, and the rest of what names
 * servers. Out: what is started for every engine kind that has no server of the user's own, and those servers.
 */
import { existsSync } from 'node:fs'
import { OWN_PROVIDERS } from '../engines/kinds.ts'
import { HeadroomError } from '../kit/errors.ts'
import { suggest } from '../kit/nearest.ts'
import type { OwnProvider } from '../target/up.ts'
import type { External, ExternalSources } from './external-engines.ts'
import { externalEngines } from './external-engines.ts'

type Env = Parameters<typeof externalEngines>[1]

export interface EnginesChoice {
  readonly engines: OwnProvider
  readonly external: External
}

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function chooseEngines(sources: ExternalSources, env: Env): EnginesChoice {
  const word = OWN_PROVIDERS.find((one) => one === sources.engines)
  if (word === undefined) {
    refuseMisspelt(sources.engines ?? null)
    return { engines: 'embedded', external: externalEngines(sources, env) }
  }
  // The word was typed for this run: it outweighs what a file or the environment says for every run.
  const without = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^HEADROOM_\w+_DSN$/.test(name)),
  )
  return { engines: word, external: externalEngines({ ...sources, engines: null }, without) }
}

/** A file that is not there is told by its reader; a word that is none is more often a slip. */
function refuseMisspelt(given: string | null): void {
  if (given === null || /[./\\]/.test(given) || existsSync(given)) return
  throw new HeadroomError(
    'BAD_INPUT',
    `--engines is "${given}", which is no provider and no file`,
    {
      hint: `${suggest(given, OWN_PROVIDERS)}; or give the path of an engines.yaml`,
    },
  )
}
