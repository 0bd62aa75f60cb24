/**
 * What a ClickHouse is and can do: asked of it, because the name of an image or a DSN says nothing. In: a client and a
 * database to try things in. Out: facts, and whether it is a server at all or `clickhouse local` behind a port.
 */
import type { EngineFacts } from '../engine.ts'
import type { ClickHouseHttp } from './http.ts'

/** Both signs of a server that `clickhouse local` lacks: figures of its own background thread, and a queue of inserts. */
export function isRealServer(facts: EngineFacts): boolean {
  return facts['asynchronousMetrics'] === 'yes' && facts['asyncInsert'] === 'yes'
}

/** `clickhouse 26.7.3` for a server, `clickhouse-local 26.7.3` for what only looks like one. */
export function clickHouseLabel(version: string, facts: EngineFacts): string {
  const name = isRealServer(facts) ? 'clickhouse' : 'clickhouse-local'
  return `${name} ${version.split('.').slice(0, 3).join('.')}`
}

/** @param database of the run's own: a table is made in it and dropped again */
export async function clickHouseFacts(
  http: ClickHouseHttp,
  database: string,
  signal: AbortSignal,
): Promise<EngineFacts> {
  const saysYes = async (sql: string): Promise<string> => {
    try {
      return Number(await http.text(sql, { signal })) > 0 ? 'yes' : 'no'
    } catch {
      signal.throwIfAborted()
      // A table that is not there, a part that is not configured, or a right that this user lacks.
      return 'no'
    }
  }
  return {
    asynchronousMetrics: await saysYes('SELECT count() FROM system.asynchronous_metrics'),
    asyncInsert: await asyncInsert(http, database, signal),
    keeper: await saysYes(`SELECT count() FROM system.zookeeper WHERE path = '/'`),
  }
}

/** The setting is taken everywhere, also where nothing is queued: only the server's own count of queued inserts tells. */
async function asyncInsert(
  http: ClickHouseHttp,
  database: string,
  signal: AbortSignal,
): Promise<string> {
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
    return (await queued()) > before ? 'yes' : 'no'
  } catch {
    signal.throwIfAborted()
    return 'not known'
  } finally {
    await http.text(`DROP TABLE IF EXISTS ${table} SYNC`, { signal }).catch(() => undefined)
  }
}
