/**
 * Which servers of the user's own can be named. A new engine adds one line here: its folder says how it is named, looked
 * at and cleaned up.
 */
import { ownClickHouse } from './clickhouse/own-server.ts'
import type { EngineAddress } from './engine.ts'
import type { ServerKind } from './kinds.ts'
import type { KafkaAddress } from './kafka/address.ts'
import { ownKafka } from './kafka/own-server.ts'
import type { OwnServer } from './own-server.ts'
import { ownPostgres } from './postgres/own-server.ts'
import { ownRedis } from './redis/own-server.ts'

/** Those of engines that run, and of those that no architecture uses yet: they are checked and looked at. */
export interface ServerAddress extends EngineAddress {
  kafka: KafkaAddress
}

/** Of those that the user named: one of a kind, and by role what follows it. */
export type ServerAddresses = { readonly [Kind in ServerKind]?: ServerAddress[Kind] } & {
  readonly roles?: Readonly<Record<string, EngineAddress['postgres']>>
}

/** Each is only ever given an address that it has parsed itself. */
export const ownServers: Readonly<Record<ServerKind, OwnServer<ServerAddress[ServerKind]>>> = {
  postgres: ownPostgres,
  clickhouse: ownClickHouse,
  kafka: ownKafka,
  redis: ownRedis,
}

export function isServerKind(text: string): text is ServerKind {
  return text in ownServers
}
