/**
 * What a piece of work cost the server. In: the work, which says how many rows it wrote. Out: seconds, WAL bytes and the
 * full-page images among them, in all and per row; and how busy this process was meanwhile, which is the client of all of it.
 * Its own queries are outside of what it measures.
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
  const own = startOwnShare()
  const startMs = performance.now()
  const done = await work()
  const s = done.s ?? (performance.now() - startMs) / 1_000
  const ownShare = own()
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
    ...ownShare,
    ...done.figures,
  })
}

/**
 * CPU of this process in cores, and the share of the time in which its one thread had something to do. Where cores are
 * scarce the second says more: a thread that waits for a core takes none, and its server waits for it all the same.
 */
function startOwnShare(): () => { readonly clientCores: number; readonly clientBusy: number } {
  const startMs = performance.now()
  const cpu = process.cpuUsage()
  const loop = performance.eventLoopUtilization()
  return () => {
    const { user, system } = process.cpuUsage(cpu)
    const tookMs = performance.now() - startMs
    return {
      clientCores: (user + system) / 1_000 / tookMs,
      clientBusy: performance.eventLoopUtilization(loop).utilization,
    }
  }
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
