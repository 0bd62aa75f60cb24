/**
 * What every running ClickHouse has alike. In: what its provider knows of it, and the harness's own access. Out: the
 * running engine, with its figures, control and readers.
 */
import type { Probe } from '../../collect/probe.ts'
import type { StoringEngine } from '../engine.ts'
import { SizeProbes } from '../size-probes.ts'
import { clickHouseControl } from './control.ts'
import type { ClickHouseHttp } from './http.ts'
import { clickHouseEventsStore, streamTexts } from './store.ts'

type Provided = Omit<
  StoringEngine<'clickhouse'>,
  'kind' | 'probes' | 'control' | 'eventsStore' | 'textRows'
>

/** @param access `probes`: those of the server; each store that is opened adds one of its size */
export function runningClickHouse(
  provided: Provided,
  { http, probes }: { readonly http: ClickHouseHttp; readonly probes: readonly Probe[] },
): StoringEngine<'clickhouse'> {
  const sizes = new SizeProbes()
  return {
    ...provided,
    kind: 'clickhouse',
    get probes() {
      return [...probes, ...sizes.probes]
    },
    control: clickHouseControl(http),
    textRows: (query, signal) => streamTexts(http, query, signal),
    eventsStore: (options) => {
      const store = clickHouseEventsStore(http, options)
      return sizes.watch(store, (within) => store.size(within))
    },
  }
}
