/** What every running PgBouncer has alike. In: what its provider knows of it, and its console. Out: the running engine. */
import { HeadroomError } from '../../kit/errors.ts'
import type { EngineRequest, PostgresAddress, RunningEngine } from '../engine.ts'
import type { SharedConnection } from '../postgres/shared-connection.ts'
import { composeLabel } from '../compose/label.ts'
import { askPooler, poolerControl, poolerProbes } from './console.ts'
import { sessionAlias } from './settings.ts'

type Provided = Pick<
  RunningEngine<'pgbouncer'>,
  'name' | 'provider' | 'parts' | 'crashed' | 'image' | 'facts' | typeof Symbol.asyncDispose
>

interface Access {
  readonly console: SharedConnection
  /** By who asks; the session pool is a database beside it. */
  readonly addresses: (who: 'harness' | 'service') => PostgresAddress
  readonly signal: AbortSignal
}

/** Disposes of what it was given where the pooler cannot be asked. */
export async function runningPooler(
  provided: Provided,
  { console, addresses, signal }: Access,
): Promise<RunningEngine<'pgbouncer'>> {
  try {
    const { version, settings } = await console.use(signal, askPooler)
    const said = `pgbouncer ${version}`
    return {
      ...provided,
      kind: 'pgbouncer',
      label: provided.image === undefined ? said : composeLabel(said, provided.image),
      version,
      settings,
      addressFor: (who) => {
        if (who !== 'session') return addresses(who)
        const address = addresses('service')
        return { ...address, database: sessionAlias(address.database) }
      },
      probes: poolerProbes(console),
      control: poolerControl(console),
    }
  } catch (error) {
    await provided[Symbol.asyncDispose]()
    throw error
  }
}

/** @throws HeadroomError BAD_INPUT where it stands on nothing */
export function serverBehind({
  upstream,
}: Pick<EngineRequest<'pgbouncer'>, 'upstream'>): RunningEngine<'postgres'> {
  if (upstream?.kind === 'postgres') return upstream as RunningEngine<'postgres'>
  throw new HeadroomError('BAD_INPUT', 'a PgBouncer stands in front of a PostgreSQL', {
    hint: 'put `pooler: {}` below the engine of a target that is a PostgreSQL',
  })
}
