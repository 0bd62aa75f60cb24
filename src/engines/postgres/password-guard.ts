/**
 * What a password is given away for. In: a client that is about to connect. Out: nothing; the connection ends before the
 * password is sent where the server asks for it in the clear, or as MD5, over a connection that others can read.
 */
import type { EventEmitter } from 'node:events'
import type { Client } from 'pg'
import { HeadroomError } from '../../kit/errors.ts'
import { isLoopback } from '../dsn.ts'
import type { PostgresAddress } from '../engine.ts'
import { sayAddress } from './connect-error.ts'

/** SCRAM sends a proof, never the password; TLS hides whatever is sent; loopback leaves no machine. */
export function guardPassword(client: Client, address: PostgresAddress): void {
  const { password } = address
  if (password === undefined || address.tls !== 'off' || isLoopback(address.host)) return
  const guarded = client as unknown as Guarded
  let asked: string | null = null
  guarded.connection.on('authenticationCleartextPassword', () => (asked = 'in the clear'))
  guarded.connection.on('authenticationMD5Password', () => (asked = 'as MD5'))
  // pg asks for the password only once the server has said how it wants it.
  guarded.password = () => {
    if (asked === null) return password
    throw new HeadroomError(
      'ENGINE_AUTH_FAILED',
      `PostgreSQL at ${sayAddress(address)} asks for the password ${asked} over a plain connection: it was not sent`,
      { hint: 'leave sslmode=disable out of the DSN, or have the server ask for scram-sha-256' },
    )
  }
}

interface Guarded {
  readonly connection: EventEmitter
  password: () => string
}
