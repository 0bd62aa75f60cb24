/**
 * Why a request to ClickHouse failed. In: what undici threw, or what the server answered. Out: one error in the user's
 * words with one remedy; the password is in none of them.
 */
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { tlsFailureOf } from '../../kit/tls.ts'
import type { VerifiedTls } from '../../kit/tls.ts'
import type { ClickHouseAddress } from '../engine.ts'

/** Codes of ClickHouse's ErrorCodes.cpp: REQUIRED_PASSWORD, UNKNOWN_USER, WRONG_PASSWORD, AUTHENTICATION_FAILED. */
const AUTH_CODES = new Set([194, 192, 193, 516])
/** Of the same file. */
const ACCESS_DENIED = 497
const UNKNOWN_DATABASE = 81

const WORDS = {
  nameCa: 'ca: in engines.yaml, or …?ca=/path/ca.pem in the DSN',
  nameClient: 'clientCertificate and clientKey in engines.yaml',
  askForPlain: 'http:// instead of https://',
}

/** As Node.js does where nothing is said. */
const NODES_OWN: VerifiedTls = { ca: null, checkHost: true, client: null }

/** An error that ClickHouse answered with. */
export class ClickHouseError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'ClickHouseError'
    this.code = code
  }
}

/** The user lacks a right; ClickHouse says which. */
export function isAccessDenied(error: unknown): boolean {
  return error instanceof ClickHouseError && error.code === ACCESS_DENIED
}

/** No answer came. */
export function requestError(error: unknown, address: ClickHouseAddress): HeadroomError {
  const where = `ClickHouse at ${address.url}`
  const failed = (message: string, hint: string): HeadroomError =>
    new HeadroomError('ENGINE_TLS_FAILED', `${where} ${message}`, { hint, cause: error })
  if (address.url.startsWith('https:')) {
    const failure = tlsFailureOf(error, address.tls ?? NODES_OWN, WORDS)
    if (failure !== null) return failed(failure.message, failure.remedy)
  } else if (closedWithoutAnswer(error)) {
    return failed(
      'closed a plain connection without an answer',
      'is this its TLS port? Then write https:// instead of http://',
    )
  }
  return new HeadroomError(
    'ENGINE_UNREACHABLE',
    `${where} cannot be reached: ${messageOf(error) || 'no answer'}`,
    { hint: 'is it running, and is this its HTTP port (8123, or 8443 with https)?', cause: error },
  )
}

/** It answered, and not with 200. */
export function refusal(status: number, said: string, address: ClickHouseAddress): Error {
  const code = Number(/^Code: (\d+)\./.exec(said)?.[1] ?? 0)
  if (status === 401 || AUTH_CODES.has(code)) {
    const message = `ClickHouse at ${address.url} refuses user "${address.user}" and its password`
    return new HeadroomError('ENGINE_AUTH_FAILED', message, {
      hint: 'check user and password of the DSN',
    })
  }
  if (code === UNKNOWN_DATABASE) {
    const message = `ClickHouse at ${address.url} has no database "${address.database}", or hides it from this user`
    return new HeadroomError('ENGINE_UNREACHABLE', message, {
      hint: 'name an existing database in the DSN, for example default',
    })
  }
  if (/plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server/i.test(said)) {
    const message = `ClickHouse at ${address.url} takes no plain connection on this port`
    return new HeadroomError('ENGINE_TLS_FAILED', message, {
      hint: 'write https:// instead of http://',
    })
  }
  return new ClickHouseError(code, said.slice(0, 2_000) || `HTTP status ${String(status)}`)
}

function closedWithoutAnswer(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code ?? ''
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code.startsWith('HPE_')
}
