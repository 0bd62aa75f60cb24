/**
 * A database session of an experiment. In: the engine's address, the schemas it looks in, settings. Out: a connected
 * client that finds the arm's own tables first.
 */
import type { Client } from 'pg'
import type { PostgresAddress } from '../../engines/engine.ts'
import { close, connect } from '../../engines/postgres/connection.ts'
import { quoteName } from '../../engines/postgres/quote-name.ts'

/** What is prepared once for all arms of an engine. */
export const PREPARED_SCHEMA = 'prepared'

export interface SessionPlace {
  readonly address: PostgresAddress
  /** The first is made in; all are looked in. */
  readonly schemas: readonly string[]
  readonly settings: Readonly<Record<string, string | number | boolean>>
}

const SETTING_NAME = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/i

export async function openSession({ address, schemas, settings }: SessionPlace): Promise<Client> {
  const client = await connect(address)
  try {
    const path = [...schemas.map(quoteName), 'public'].join(', ')
    await client.query(`SET search_path = ${path}`)
    for (const [name, value] of Object.entries(settings)) {
      if (!SETTING_NAME.test(name)) throw new Error(`${name} cannot be a setting`)
      await client.query('SELECT set_config($1, $2, false)', [name, textOf(value)])
    }
    return client
  } catch (error) {
    await close(client)
    throw error
  }
}

function textOf(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return String(value)
}
