/**
 * The sessions that the harness keeps on a server while a run lasts, so that measuring costs three backends. In: an address.
 * Out: one for each way of looking; none is opened before it is used.
 */
import type { Scope } from '../../kit/scope.ts'
import type { PostgresAddress } from '../engine.ts'
import { SharedConnection } from './shared-connection.ts'

/** Short beside the interval of what is read there; a figure that somebody's lock keeps back is left out. */
const LOCK_TIMEOUT_MS = 200

export interface HarnessSessions {
  /** For figures of the server: what is read here locks no table, and so waits for nobody. */
  readonly reading: SharedConnection
  /** For what locks a table to look at it: sizes, bounds, plans. */
  readonly sizing: SharedConnection
  /** For the freshness poll, which comes often. */
  readonly polling: SharedConnection
}

export function harnessSessions(scope: Scope, address: PostgresAddress): HarnessSessions {
  return {
    reading: scope.use(new SharedConnection(address)),
    sizing: scope.use(new SharedConnection(address, { lockTimeoutMs: LOCK_TIMEOUT_MS })),
    polling: scope.use(new SharedConnection(address)),
  }
}
