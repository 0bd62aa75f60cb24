/** SQL asked of the PostgreSQL of a rig, with the harness's own rights. */
import pg from 'pg'
import { clientConfig } from '../../reference-impl/service-kit/postgres/connection.ts'
import type { PostgresAddress } from '../../src/engines/engine.ts'
import type { Rig } from './architecture-rig.ts'

/** @param values of $1, $2, … */
export async function sqlOf<Row extends pg.QueryResultRow>(
  rig: Rig,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = await clientOf(rig)
  try {
    return (await client.query<Row>(text, [...values])).rows
  } finally {
    await client.end()
  }
}

/** A session of its own: whoever asks for it ends it. */
export async function clientOf(rig: Rig): Promise<pg.Client> {
  const found = rig.up.engines.find(({ engine }) => engine.kind === 'postgres')
  if (found === undefined) throw new Error('the rig has no PostgreSQL')
  const address = found.engine.addressFor('harness') as PostgresAddress
  const client = new pg.Client(clientConfig(address, 'contract'))
  // Statements reject as well when its server dies; without a listener the process would end.
  client.on('error', () => undefined)
  await client.connect()
  return client
}
