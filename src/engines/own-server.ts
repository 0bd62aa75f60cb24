/**
 * The user's own server, whatever engine it is: how it is named, looked at without creating anything, and cleaned up
 * after a Headroom that was killed. One of these per engine; registry.ts lists them.
 */
import type { AddressSource } from './dsn.ts'
import type { EngineSettings, ServerNotes } from './engine.ts'

export interface OwnServer<Address> {
  /** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND; no message repeats the DSN */
  parse(source: AddressSource): Address
  /** Strings of the address that must be written nowhere. */
  secretsOf(address: Address): readonly string[]
  /** `bench@db.example:5432/scratch`; no secrets. */
  say(address: Address): string
  /** Worth saying before anything is sent: a connection that others can read. */
  warningsOf(address: Address): readonly string[]
  /**
   * Connects, reads, creates nothing.
   * @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED, ENGINE_RIGHTS_MISSING, BAD_INPUT
   */
  inspect(address: Address, asked: InspectionRequest): Promise<ServerInspection>
  /**
   * Drops what a killed run left: only what the server itself marks with `mark` as well. null: no run makes anything there
   * yet.
   */
  readonly dropLeftover: DropLeftover<Address> | null
}

/** A method's type, so that one of a certain address stands for all of them in the registry. */
type DropLeftover<Address> = {
  drop(address: Address, leftover: CreatedThing, signal: AbortSignal): Promise<DropOutcome>
}['drop']

export interface InspectionRequest {
  /** What the target asks the server to be set to; empty for a bare look. */
  readonly settings: EngineSettings
  /** The name that a run would use. */
  readonly ownName: string
  readonly signal: AbortSignal
}

export interface ServerInspection {
  /** `postgres 18.4`. */
  readonly label: string
  /** `TLS, certificate and host name verified`, `plain`. */
  readonly connection: string
  /** What a run would make, and remove again: `database headroom_…`. */
  readonly creates: readonly string[]
  readonly notes: ServerNotes
}

/** What a run makes on a server, as its ledger entry says it. */
export interface CreatedThing {
  /** `database`, `schema`, `keys`. */
  readonly what: string
  readonly name: string
  /** Database that holds a schema; null otherwise. */
  readonly inside: string | null
  /** What the server has been told to remember beside it. */
  readonly mark: string
}

export type DropOutcome =
  | { readonly state: 'dropped' }
  | { readonly state: 'absent' }
  /** The server does not say that it is ours: nothing was done. */
  | { readonly state: 'not-marked'; readonly found: string | null }

/** The comment beside everything that Headroom makes on a user's own server. */
export function ownershipMark(runId: string): string {
  return `headroom ${runId}`
}
