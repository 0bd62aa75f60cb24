/**
 * The harness's own connection to Kafka. In: an address. Out: an admin client that is connected, or an error that says in
 * the user's words what is wrong. The password is in no message.
 */
import type { Admin, SASLOptions } from 'kafkajs'
import { HeadroomError, messageOf } from '../../kit/errors.ts'
import { tlsClientOptions, tlsFailureOf } from '../../kit/tls.ts'
import type { TlsWords } from '../../kit/tls.ts'
import type { KafkaAddress } from './address.ts'

const CONNECT_TIMEOUT_MS = 5_000

const WORDS: TlsWords = {
  nameCa: 'ca: in engines.yaml, or …?ca=/path/ca.pem in the DSN',
  nameClient: 'clientCertificate and clientKey in engines.yaml',
  askForPlain: '…?tls=off in the DSN',
}

/** `user@host:port,host:port`. */
export function sayKafka({ brokers, sasl }: KafkaAddress): string {
  return `${sasl === null ? '' : `${sasl.username}@`}${brokers.join(',')}`
}

/** @throws HeadroomError ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED within seconds */
export async function withAdmin<T>(
  address: KafkaAddress,
  signal: AbortSignal,
  use: (admin: Admin) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  // CommonJS without named exports; loaded when a Kafka is named.
  const { default: kafkajs } = await import('kafkajs')
  const kafka = new kafkajs.Kafka({
    clientId: 'headroom-harness',
    brokers: [...address.brokers],
    ssl: address.tls === 'off' ? false : tlsClientOptions(address.tls),
    ...(address.sasl === null ? {} : { sasl: address.sasl as SASLOptions }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    authenticationTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: CONNECT_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: { retries: 0 },
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await use(admin)
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof HeadroomError ? error : kafkaError(error, address)
  } finally {
    // What was never connected has nothing to close.
    await admin.disconnect().catch(() => undefined)
  }
}

/** Kafka's own name of what is wrong: `TOPIC_AUTHORIZATION_FAILED`; null where it said nothing. */
export function kafkaTypeOf(error: unknown): string | null {
  for (const cause of causesOf(error)) {
    const { type } = cause as { readonly type?: unknown }
    if (typeof type === 'string') return type
  }
  return null
}

function kafkaError(error: unknown, address: KafkaAddress): HeadroomError {
  const where = `Kafka at ${sayKafka(address)}`
  const causes = causesOf(error)
  const said = causes.map(messageOf).join(' ')
  const names = causes.map(({ name }) => name)
  if (
    names.includes('KafkaJSSASLAuthenticationError') ||
    said.includes('SASL_AUTHENTICATION_FAILED')
  ) {
    return new HeadroomError('ENGINE_AUTH_FAILED', `${where} refuses this user and password`, {
      hint: 'check user, password and sasl=… of the DSN: plain, scram-sha-256 or scram-sha-512',
    })
  }
  if (address.tls !== 'off') {
    const failure = causes
      .map((cause) => tlsFailureOf(cause, address.tls === 'off' ? NOT_ASKED : address.tls, WORDS))
      .find((found) => found !== null)
    if (failure !== undefined) {
      return new HeadroomError('ENGINE_TLS_FAILED', `${where} ${failure.message}`, {
        hint: failure.remedy,
        cause: error,
      })
    }
  }
  return new HeadroomError(
    'ENGINE_UNREACHABLE',
    `${where} cannot be reached: ${messageOf(error)}`,
    {
      hint:
        address.tls === 'off'
          ? 'is it running, and is this a plain listener? Without tls=off the DSN asks for TLS'
          : 'is it running, and is this a TLS listener? A plain one is asked for by name: …?tls=off',
      cause: error,
    },
  )
}

const NOT_ASKED = { ca: null, checkHost: true, client: null }

/** kafkajs wraps in `cause` and in `originalError`. */
function causesOf(error: unknown): readonly Error[] {
  const causes: Error[] = []
  for (let next = error; next instanceof Error && causes.length < 8;) {
    causes.push(next)
    const { originalError } = next as { readonly originalError?: unknown }
    next = next.cause ?? originalError
  }
  return causes
}
