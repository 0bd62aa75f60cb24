/**
 * What every running PostgreSQL has alike. In: what its provider knows of it, and the harness's own access. Out: the
 * running engine, with its figures, control and readers.
 */
import type { Probe } from '../../collect/probe.ts'
import type { EngineRecovery, PostgresAddress, StoringEngine } from '../engine.ts'
import { SizeProbes } from '../size-probes.ts'
import { postgresControl } from './control.ts'
import { copiedTexts } from './copied-rows.ts'
import { postgresProbes } from './probes.ts'
import type { HarnessSessions } from './harness-sessions.ts'
import { planProbe } from './partition-probe.ts'
import { replicaProbes } from './replica-probes.ts'
import type { SharedConnection } from './shared-connection.ts'
import { readStatements } from './statements.ts'
import { postgresEventsStore, quickSize } from './store.ts'

type Provided = Omit<
  StoringEngine<'postgres'>,
  'kind' | 'probes' | 'control' | 'eventsStore' | 'textRows'
>

interface Access {
  readonly address: PostgresAddress
  readonly sessions: HarnessSessions
  /** The database holds more than this run. */
  readonly isShared?: boolean
  /** A session on the primary that it follows; absent: it follows none. */
  readonly primary?: SharedConnection
  /** Absent: nothing of it is archived. */
  readonly recovery?: EngineRecovery
}

export function runningPostgres(
  provided: Provided,
  { address, sessions, isShared, primary, recovery }: Access,
): StoringEngine<'postgres'> {
  const { reading, sizing, polling } = sessions
  const probes =
    primary === undefined
      ? postgresProbes(sessions, isShared)
      : replicaProbes(reading, provided.name)
  const sizes = new SizeProbes()
  const plans: Probe[] = []
  return {
    ...provided,
    kind: 'postgres',
    get probes() {
      return [...probes, ...sizes.probes, ...plans]
    },
    statements: (signal) =>
      reading.use(signal, (client) => readStatements(client, isShared === true)),
    control: { ...postgresControl(address), ...(recovery === undefined ? {} : { recovery }) },
    textRows: (query, signal) => copiedTexts(address, query, signal),
    eventsStore: (store) => {
      // Q1 asks billing events.
      if (store.columns === undefined) plans.push(planProbe(sizing, store))
      return sizes.watch(
        postgresEventsStore(
          { address, polling, ...(primary === undefined ? {} : { primary }) },
          store,
        ),
        quickSize(sizing, store),
      )
    },
  }
}
