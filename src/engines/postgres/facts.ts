/** What this PostgreSQL was built with and can do: asked of the server, because images of one name differ. */
import type { Client } from 'pg'
import type { EngineFacts } from '../engine.ts'

/** Only what any user may read. */
export async function postgresFacts(client: Client): Promise<EngineFacts> {
  const { rows } = await client.query<{
    methods: string | null
    timescaledb: string | null
    license: string | null
    partman: string | null
  }>(
    `SELECT (SELECT array_to_string(enumvals, ', ') FROM pg_settings WHERE name = 'wal_compression') AS methods,
            (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS timescaledb,
            current_setting('timescaledb.license', true) AS license,
            (SELECT extversion FROM pg_extension WHERE extname = 'pg_partman') AS partman`,
  )
  const { methods = null, timescaledb = null, license = null, partman = null } = rows[0] ?? {}
  const compressions = methods?.split(', ') ?? []
  return {
    lz4: yesOrNo(compressions.includes('lz4')),
    zstd: yesOrNo(compressions.includes('zstd')),
    timescaledb: timescaledb === null ? 'no' : `${timescaledb} (${license ?? 'not loaded'})`,
    ...(license === null ? {} : withLicense(license)),
    ...(partman === null ? {} : { pg_partman: partman }),
  }
}

/** The Apache build has neither: its functions answer that the license does not allow them. */
function withLicense(license: string): EngineFacts {
  const isCommunity = yesOrNo(license === 'timescale')
  return { compression: isCommunity, continuousAggregates: isCommunity }
}

function yesOrNo(is: boolean): string {
  return is ? 'yes' : 'no'
}
