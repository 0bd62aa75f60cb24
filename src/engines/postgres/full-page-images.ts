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
    if (from !== null && to !== null && from !== to) {
      const bytes = await imageBytes(client, { schema, from, to })
      if (bytes === null) return this.#totalBytes
      this.#totalBytes += bytes
    }
    // Only now: what a reading that was cut short did not count is left for the next.
    this.#readUpTo = to
    return this.#totalBytes
  }
}

interface Stretch {
  readonly schema: string
  readonly from: string
  readonly to: string
}

/** null: no record lies whole between the two positions yet. */
async function imageBytes(client: Client, stretch: Stretch): Promise<number | null> {
  try {
    return await walStats(client, stretch)
  } catch (error) {
    if (messageOf(error).includes('could not find a valid record')) return null
    if (!isRemoved(error)) throw error
  }
  // A checkpoint has removed the WAL before it. Images are written after it above all, and that WAL is there.
  const { rows } = await client.query<{ lsn: string; isBefore: boolean }>(
    `SELECT redo_lsn::text AS lsn, redo_lsn < $1::pg_lsn AS "isBefore" FROM pg_control_checkpoint()`,
    [stretch.to],
  )
  const redo = rows[0]
  if (redo?.isBefore !== true) return 0
  try {
    return await walStats(client, { ...stretch, from: redo.lsn })
  } catch (error) {
    // Another checkpoint came between the two questions.
    if (isRemoved(error)) return 0
    throw error
  }
}

async function walStats(client: Client, { schema, from, to }: Stretch): Promise<number> {
  const { rows } = await client.query<{ bytes: string | null }>(
    `SELECT sum(fpi_size) AS bytes FROM ${quoteName(schema)}.pg_get_wal_stats($1::pg_lsn, $2::pg_lsn)`,
    [from, to],
  )
  return Number(rows[0]?.bytes ?? 0)
}

function isRemoved(error: unknown): boolean {
  return /has already been removed|could not open file/.test(messageOf(error))
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
