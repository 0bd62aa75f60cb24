/**
 * Which engines, servers and providers there are, by name: for schemas and flags, which need nothing of what they do. The
 * registries hold what each does, and do not compile where one is missing.
 */
import type { EngineKind, Provider, StoringKind } from './engine.ts'

/** Those that hold events and can be audited. */
export const STORING_KINDS = ['postgres', 'clickhouse'] as const satisfies readonly StoringKind[]

/** Those that run. */
export const ENGINE_KINDS = [
  ...STORING_KINDS,
  'redis',
  'pgbouncer',
] as const satisfies readonly EngineKind[]

/** Those of the user's own that can be named: engines that run, and some that no architecture uses yet. */
export const SERVER_KINDS = [...STORING_KINDS, 'kafka', 'redis'] as const
export type ServerKind = (typeof SERVER_KINDS)[number]

/** Providers that need nothing of the user's. */
export const OWN_PROVIDERS = ['embedded', 'compose'] as const satisfies readonly Exclude<
  Provider,
  'external'
>[]

/** Where an engine comes from. */
export const PROVIDERS = [...OWN_PROVIDERS, 'external'] as const satisfies readonly Provider[]

/** `HEADROOM_POSTGRES_DSN`. */
export function dsnVariable(kind: string): string {
  return `HEADROOM_${kind.toUpperCase()}_DSN`
}

/** What to do where the address of a server is wanted and none is given. */
export function howToName(kind: string): string {
  return `give its address with --${kind}, ${dsnVariable(kind)} or engines.yaml`
}
