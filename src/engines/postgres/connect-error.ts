/**
 * Why a connection to PostgreSQL did not come about. In: what pg threw and the address. Out: one error in the user's
 * words with one remedy; the password is in none of them.
 */
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { tlsFailureOf } from '../../kit/tls.ts'
import type { TlsWords } from '../../kit/tls.ts'
import type { PostgresAddress } from '../engine.ts'
import { sqlStateOf } from './sql-state.ts'

const WORDS: TlsWords = {
  nameCa: '…?sslrootcert=/path/ca.pem in the DSN, or ca: in engines.yaml',
  nameClient: 'sslcert and sslkey in the DSN, or clientCertificate and clientKey in engines.yaml',
  askForPlain: '…?sslmode=disable in the DSN',
}

/** `user@host:port/database`, without the password. */
export function sayAddress(address: PostgresAddress): string {
  return `${address.user}@${address.host}:${String(address.port)}/${address.database}`
}

export function connectError(error: unknown, address: PostgresAddress): HeadroomError {
  const where = `PostgreSQL at ${sayAddress(address)}`
  return (
    tlsError(error, address, where) ??
    refusal(error, address, where) ??
    new HeadroomError('ENGINE_UNREACHABLE', `${where} cannot be reached: ${sayCause(error)}`, {
      hint: 'is it running, and do host, port and TLS match? postgres://user:password@host:port/database',
      cause: error,
    })
  )
}

function tlsError(error: unknown, { tls }: PostgresAddress, where: string): HeadroomError | null {
  const said = messageOf(error)
  const failed = (message: string, hint: string): HeadroomError =>
    new HeadroomError('ENGINE_TLS_FAILED', `${where} ${message}`, { hint, cause: error })
  if (tls === 'off') {
    // pg_hba.conf has lines for encrypted connections only, or none at all for us.
    return sqlStateOf(error) === '28000' && /no encryption|SSL off/.test(said)
      ? failed(
          'takes no plain connection from here',
          `leave sslmode=disable out of the DSN; the server says: ${said}`,
        )
      : null
  }
  if (said.includes('does not support SSL')) {
    return failed(
      'offers no TLS',
      `have ssl turned on there, or ask for a plain connection by name: ${WORDS.askForPlain}`,
    )
  }
  if (said.includes('valid client certificate')) {
    return failed('asks for a client certificate', `name yours: ${WORDS.nameClient}`)
  }
  const failure = tlsFailureOf(error, tls, WORDS)
  return failure === null ? null : failed(failure.message, failure.remedy)
}

function refusal(error: unknown, address: PostgresAddress, where: string): HeadroomError | null {
  const state = sqlStateOf(error)
  const said = messageOf(error)
  // 28P01 wrong password, 28000 no such role or refused by pg_hba.conf.
  if (state?.startsWith('28') === true || /password must be a|no password/i.test(said)) {
    return new HeadroomError('ENGINE_AUTH_FAILED', `${where} refuses this user and password`, {
      hint: `check the DSN’s user and password; the server says: ${said}`,
    })
  }
  if (said.startsWith('SASL: SCRAM-SERVER')) {
    return new HeadroomError(
      'ENGINE_AUTH_FAILED',
      `${where} does not prove that it knows the password`,
      { hint: `is this the server you mean? ${said}` },
    )
  }
  if (state === '3D000') {
    const message = `${where} has no database "${address.database}"`
    return new HeadroomError('ENGINE_UNREACHABLE', message, {
      hint: 'name an existing database in the DSN, for example postgres',
    })
  }
  // 42501 here: the role lacks CONNECT on the database.
  if (state === '42501') {
    return new HeadroomError('ENGINE_RIGHTS_MISSING', `${where} does not let this role in`, {
      hint: `GRANT CONNECT ON DATABASE "${address.database}" TO "${address.user}"`,
    })
  }
  return null
}

/** Node wraps failed attempts over several addresses in an error without a message. */
function sayCause(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ')
  return messageOf(error) || 'no answer'
}
