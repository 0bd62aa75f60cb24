/**
 * Which servers of the user's own can be named. A new engine adds one line here: its folder says how it is named, looked
 * at and cleaned up.
 */
import { ownClickHouse } from './clickhouse/own-server.ts'
import type { EngineAddress } from './engine.ts'
import type { OwnServer } from './own-server.ts'
import { ownPostgres } from './postgres/own-server.ts'

export type ServerAddress = EngineAddress
export type ServerKind = keyof ServerAddress

/** Each is only ever given an address that it has parsed itself. */
export const ownServers: Readonly<Record<ServerKind, OwnServer<ServerAddress[ServerKind]>>> = {
  postgres: ownPostgres,
  clickhouse: ownClickHouse,
}

export const SERVER_KINDS = Object.keys(ownServers) as readonly ServerKind[]

export function isServerKind(text: string): text is ServerKind {
  return text in ownServers
}
