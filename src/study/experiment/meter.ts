/**
 * What a piece of work cost the server. In: the work, which says how many rows it wrote. Out: seconds, WAL bytes and the
 * full-page images among them, in all and per row. Its own queries are outside of what it measures.
 */
import { performance } from 'node:perf_hooks'
import type { Client } from 'pg'
import { FullPageImages } from '../../engines/postgres/full-page-images.ts'
import { sqlStateOf } from '../../engines/postgres/sql-state.ts'
import type { ArmContext } from './arm-context.ts'

export interface Work {
  readonly rows: number
  /** Seconds where the work measured itself better than from outside. */
  readonly s?: number
  readonly figures?: Readonly<Record<string, number>>
}

export async function measured(
  arm: ArmContext,
  step: string | undefined,
  work: () => Promise<Work>,
): Promise<void> {
  if (step === undefined) {
    await work()
    return
  }
  const client = await arm.client()
  const images = new FullPageImages()
  const fpiBefore = await fullPageBytes(client, images)
  const lsnBefore = await insertLsn(client)
  const startMs = performance.now()
  const done = await work()
  const s = done.s ?? (performance.now() - startMs) / 1_000
  const walBytes = (await insertLsn(client)) - lsnBefore
  const fpiAfter = await fullPageBytes(client, images)
  const fpiBytes = fpiBefore === null || fpiAfter === null ? Number.NaN : fpiAfter - fpiBefore
  arm.keep(step, {
    s,
    rows: done.rows,
    rowsPerS: done.rows / s,
    walBytes,
    walBytesPerRow: walBytes / done.rows,
    fpiBytes,
    fpiBytesPerRow: fpiBytes / done.rows,
    ...done.figures,
  })
}

async function insertLsn(client: Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes`,
  )
  return Number(rows[0]?.bytes)
}

/** Images are read from flushed WAL: what an asynchronous commit left in memory is flushed first. */
async function fullPageBytes(client: Client, images: FullPageImages): Promise<number | null> {
  try {
    await client.query(
      `BEGIN; SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, 'headroom', ''); COMMIT`,
    )
  } catch (error) {
    // 42501: on a user's own server this may be refused; nothing there is committed asynchronously by a claim.
    if (sqlStateOf(error) !== '42501') throw error
    await client.query('ROLLBACK')
  }
  return await images.readBytes(client)
}
