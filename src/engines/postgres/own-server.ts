/** The user's own PostgreSQL: how it is named, looked at, and cleaned up. */
import type { Client } from 'pg'
import type { EngineSettings, PostgresAddress, ServerNotes } from '../engine.ts'
import type { InspectionRequest, OwnServer, ServerInspection } from '../own-server.ts'
import { parsePostgresAddress, postgresWarnings } from './address.ts'
import { sayAddress } from './connect-error.ts'
import { withClient } from './connection.ts'
import { serverVersion } from './control.ts'
import type { OwnPlace } from './own-place.ts'
import { choosePlace, dropLeftoverPlace } from './own-place.ts'
import type { PostgresRights } from './rights.ts'
import { readRights, unseenWithout } from './rights.ts'
import { settingsNotInForce } from './settings.ts'

export const ownPostgres: OwnServer<PostgresAddress> = {
  parse: parsePostgresAddress,
  secretsOf: ({ password, tls }) => [
    ...(password === undefined ? [] : [password]),
    ...(tls === 'off' || tls.client === null ? [] : [tls.client.key]),
  ],
  say: sayAddress,
  warningsOf: postgresWarnings,
  inspect: inspectPostgres,
  dropLeftover: dropLeftoverPlace,
}

/** What a run would find and make there. */
export interface PostgresPlan {
  readonly place: OwnPlace
  readonly notes: ServerNotes
  readonly rights: PostgresRights
}

/** @throws HeadroomError ENGINE_RIGHTS_MISSING, BAD_INPUT */
export async function planOn(
  client: Client,
  asked: { readonly settings: EngineSettings; readonly ownName: string; readonly mark: string },
): Promise<PostgresPlan> {
  const notInForce = await settingsNotInForce(client, asked.settings)
  const rights = await readRights(client)
  const place = choosePlace(rights, asked.ownName, asked.mark)
  const unseen = unseenWithout(rights, place.what)
  return { place, notes: { settingsNotInForce: notInForce, unseen }, rights }
}

async function inspectPostgres(
  address: PostgresAddress,
  { settings, ownName, signal }: InspectionRequest,
): Promise<ServerInspection> {
  return await withClient(address, signal, async (client) => {
    const { place, notes } = await planOn(client, { settings, ownName, mark: '' })
    const inside = place.inside === null ? '' : ` in database ${place.inside}`
    return {
      label: `postgres ${await serverVersion(client)}`,
      connection: sayConnection(address),
      creates: [`${place.what} ${place.name}${inside}`],
      notes,
    }
  })
}

export function sayConnection({ tls }: PostgresAddress): string {
  if (tls === 'off') return 'plain, as the DSN asks'
  return tls.checkHost ? 'TLS, certificate and host name verified' : 'TLS, certificate verified'
}
