/**
 * How many bytes of the WAL are full-page images, as a running total. PostgreSQL 19 counts them; before that the WAL
 * itself is read (pg_walinspect, only what came since the last look), or nothing is reported: pg_stat_wal's wal_fpi is
 * a number of images whose sizes differ.
 */
import type { Client } from 'pg'
import { messageOf } from '../../kit/errors.ts'
import { quoteName } from './quote-name.ts'

type ImageSource =
  | { readonly kind: 'counter' }
  /** `schema`: where the extension was installed; the session's search path may not lead there. */
  | { readonly kind: 'walinspect'; readonly schema: string }
  | { readonly kind: 'none' }

export class FullPageImages {
  #source: ImageSource | null = null
  #totalBytes = 0
  #readUpTo: string | null = null

  /** null where this server cannot tell. */
  async readBytes(client: Client): Promise<number | null> {
    const source = (this.#source ??= await findImageSource(client))
    if (source.kind === 'none') return null
    if (source.kind === 'walinspect') return this.#readWal(client, source.schema)
    const { rows } = await client.query<{ bytes: string }>(
      'SELECT wal_fpi_bytes AS bytes FROM pg_stat_wal',
    )
    return Number(rows[0]?.bytes)
  }

  async #readWal(client: Client, schema: string): Promise<number> {
    const from = this.#readUpTo
    const { rows } = await client.query<{ lsn: string }>(
      'SELECT pg_current_wal_flush_lsn()::text AS lsn',
    )
    const to = rows[0]?.lsn ?? null
    this.#readUpTo = to
    if (from === null || to === null || from === to) return this.#totalBytes
    try {
      const stats = await client.query<{ bytes: string | null }>(
        `SELECT sum(fpi_size) AS bytes FROM ${quoteName(schema)}.pg_get_wal_stats($1::pg_lsn, $2::pg_lsn)`,
        [from, to],
      )
      this.#totalBytes += Number(stats.rows[0]?.bytes ?? 0)
    } catch (error) {
      // Nothing whole between the two positions yet: look again from the same place. WAL that a checkpoint has
      // removed meanwhile cannot be read any more: go on from here.
      if (messageOf(error).includes('could not find a valid record')) this.#readUpTo = from
      else if (!/has already been removed|could not open file/.test(messageOf(error))) throw error
    }
    return this.#totalBytes
  }
}

/** How full-page images can be told apart here, with this role's rights. */
export async function findImageSource(client: Client): Promise<ImageSource> {
  const { rows } = await client.query<{ counter: boolean; schema: string | null }>(
    `SELECT EXISTS (SELECT FROM pg_attribute
                     WHERE attrelid = 'pg_stat_wal'::regclass AND attname = 'wal_fpi_bytes') AS counter,
            (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
               JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'pg_get_wal_stats'
              WHERE e.extname = 'pg_walinspect' AND has_schema_privilege(n.oid, 'USAGE')
                AND has_function_privilege(p.oid, 'EXECUTE')
              LIMIT 1) AS schema`,
  )
  const row = rows[0]
  if (row?.counter === true) return { kind: 'counter' }
  const schema = row?.schema ?? null
  return schema === null ? { kind: 'none' } : { kind: 'walinspect', schema }
}
