/** What this PostgreSQL was built with and can do: asked of the server, because images of one name differ. */
import type { Client } from 'pg'
import type { EngineFacts } from '../engine.ts'

/** Only what any user may read. */
export async function postgresFacts(client: Client): Promise<EngineFacts> {
  const { rows } = await client.query<{
    methods: string | null
    timescaledb: string | null
    license: string | null
  }>(
    `SELECT (SELECT array_to_string(enumvals, ', ') FROM pg_settings WHERE name = 'wal_compression') AS methods,
            (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS timescaledb,
            current_setting('timescaledb.license', true) AS license`,
  )
  const row = rows[0]
  const methods = row?.methods?.split(', ') ?? []
  return {
    lz4: methods.includes('lz4') ? 'yes' : 'no',
    zstd: methods.includes('zstd') ? 'yes' : 'no',
    // The license says whether compression and continuous aggregates are there; it is known once the library is loaded.
    timescaledb:
      row?.timescaledb == null ? 'no' : `${row.timescaledb} (${row.license ?? 'not loaded'})`,
  }
}
