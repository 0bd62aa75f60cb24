/**
 * How many bytes of the WAL are full-page images, as a running total. PostgreSQL 19 counts them; before that the WAL
 * itself is read (pg_walinspect, only what came since the last look), or nothing is reported: pg_stat_wal's wal_fpi is
 * a number of images whose sizes differ.
 */
import type { Client } from 'pg'
import { messageOf } from '../../kit/errors.ts'

type Source = 'unknown' | 'counter' | 'walinspect' | 'none'

export class FullPageImages {
  #source: Source = 'unknown'
  #totalBytes = 0
  #readUpTo: string | null = null

  /** null where this server cannot tell. */
  async readBytes(client: Client): Promise<number | null> {
    if (this.#source === 'unknown') this.#source = await findSource(client)
    if (this.#source === 'none') return null
    if (this.#source === 'walinspect') return this.#readWal(client)
    const { rows } = await client.query<{ bytes: string }>(
      'SELECT wal_fpi_bytes AS bytes FROM pg_stat_wal',
    )
    return Number(rows[0]?.bytes)
  }

  async #readWal(client: Client): Promise<number> {
    const from = this.#readUpTo
    const { rows } = await client.query<{ lsn: string }>(
      'SELECT pg_current_wal_flush_lsn()::text AS lsn',
    )
    const to = rows[0]?.lsn ?? null
    this.#readUpTo = to
    if (from === null || to === null || from === to) return this.#totalBytes
    try {
      const stats = await client.query<{ bytes: string | null }>(
        'SELECT sum(fpi_size) AS bytes FROM pg_get_wal_stats($1::pg_lsn, $2::pg_lsn)',
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

async function findSource(client: Client): Promise<Source> {
  const { rows } = await client.query<{ counter: boolean; walinspect: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_attribute
                     WHERE attrelid = 'pg_stat_wal'::regclass AND attname = 'wal_fpi_bytes') AS counter,
            coalesce(has_function_privilege(
              to_regprocedure('pg_get_wal_stats(pg_lsn, pg_lsn, boolean)'), 'EXECUTE'), false) AS walinspect`,
  )
  if (rows[0]?.counter === true) return 'counter'
  return rows[0]?.walinspect === true ? 'walinspect' : 'none'
}
