/**
 * What a ClickHouse is and can do: asked of it, because the name of an image or a DSN says nothing. In: a client and a
 * database to try things in. Out: facts, and whether it is a server at all or `clickhouse local` behind a port.
 */
import type { EngineFacts } from '../engine.ts'
import type { ClickHouseHttp } from './http.ts'
import { ClickHouseError, isAccessDenied } from './request-error.ts'

type Answer = 'yes' | 'no' | 'not known'

/** `clickhouse 26.7.3`, or `clickhouse-local 26.7.3` for what was found to be no server. */
export function clickHouseLabel(version: string, facts: EngineFacts): string {
  const name = facts['server'] === 'no' ? 'clickhouse-local' : 'clickhouse'
  return `${name} ${version.split('.').slice(0, 3).join('.')}`
}

/** @param database of the run's own: a table is made in it and dropped again */
export async function clickHouseFacts(
  http: ClickHouseHttp,
  database: string,
  signal: AbortSignal,
): Promise<EngineFacts> {
  const isAboveZero = (sql: string): Promise<Answer> =>
    answerTo(async () => Number(await http.text(sql, { signal })) > 0)
  // Whether the table is there: in a server's first second it is still empty.
  const asynchronousMetrics = await isAboveZero(
    'SELECT count() + 1 FROM system.asynchronous_metrics',
  )
  const asyncInsert = await answerTo(() => queuesInserts(http, database, signal))
  return {
    server: isServer(asynchronousMetrics, asyncInsert),
    asynchronousMetrics,
    asyncInsert,
    keeper: await isAboveZero(`SELECT count() FROM system.zookeeper WHERE path = '/'`),
  }
}

/** `clickhouse local` has neither a thread of its own that takes figures, nor a queue of inserts. */
function isServer(...signs: readonly Answer[]): Answer {
  if (signs.includes('no')) return 'no'
  return signs.includes('not known') ? 'not known' : 'yes'
}

/** What this user may not ask is not known; a table that is not there, or a part that is not set up, is a no. */
async function answerTo(ask: () => Promise<boolean>): Promise<Answer> {
  try {
    return (await ask()) ? 'yes' : 'no'
  } catch (error) {
    if (!(error instanceof ClickHouseError)) throw error
    return isAccessDenied(error) ? 'not known' : 'no'
  }
}

/** The setting is taken everywhere, also where nothing is queued: only the server's own count of queued inserts tells. */
async function queuesInserts(
  http: ClickHouseHttp,
  database: string,
  signal: AbortSignal,
): Promise<boolean> {
  const table = `${database}.headroom_feature_check`
  const queued = async (): Promise<number> =>
    Number(
      await http.text(`SELECT sum(value) FROM system.events WHERE event = 'AsyncInsertQuery'`, {
        signal,
      }),
    )
  try {
    await http.text(`CREATE TABLE ${table} (x UInt8) ENGINE = Memory`, { signal })
    const before = await queued()
    const settings = { async_insert: '1', wait_for_async_insert: '1' }
    await http.text(`INSERT INTO ${table} FORMAT TabSeparated\n1`, { signal, settings })
    return (await queued()) > before
  } finally {
    await http.text(`DROP TABLE IF EXISTS ${table} SYNC`, { signal }).catch(() => undefined)
  }
}
