/**
 * How the user's own Kafka is named: `kafka://user:password@host1:9093,host2:9093?sasl=scram-sha-512`. TLS is verified
 * unless the DSN says tls=off.
 */
import type { VerifiedTls } from '../../kit/tls.ts'
import type { AddressSource } from '../dsn.ts'
import {
  badAddress,
  hostOf,
  isLoopback,
  parseDsn,
  passwordOf,
  userOf,
  verifiedTls,
} from '../dsn.ts'

export interface KafkaAddress {
  /** `host:port`, at least one. */
  readonly brokers: readonly [string, ...string[]]
  readonly sasl: KafkaSasl | null
  readonly tls: 'off' | VerifiedTls
}

export interface KafkaSasl {
  readonly mechanism: (typeof MECHANISMS)[number]
  readonly username: string
  readonly password: string
}

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
const RULES = {
  protocols: ['kafka:'],
  example: 'kafka://user@host:9093,host2:9093?sasl=scram-sha-512',
}
const PORT = '9092'

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function parseKafkaAddress(source: AddressSource): KafkaAddress {
  const { hosts, one } = splitHosts(source.dsn)
  const url = parseDsn({ ...source, dsn: one }, RULES)
  const others = hosts
    .slice(1)
    .map((host) => parseDsn({ ...source, dsn: `kafka://${host}` }, RULES))
  const tls = tlsOf(source, url)
  const isNear = [url, ...others].every((each) => isLoopback(hostOf(each)))
  return {
    brokers: [brokerOf(url), ...others.map(brokerOf)],
    sasl: saslOf(source, url, tls !== 'off' || isNear),
    tls,
  }
}

export function kafkaWarnings({ brokers, tls }: KafkaAddress): readonly string[] {
  const isNear = brokers.every((broker) => isLoopback(hostOf(new URL(`kafka://${broker}`))))
  return tls !== 'off' || isNear
    ? []
    : [`the connection to Kafka at ${brokers.join(', ')} is not encrypted: its DSN says tls=off`]
}

/** A URL knows one host; Kafka is named by several. `one` is the DSN with the first of them. */
function splitHosts(dsn: string): { readonly hosts: readonly string[]; readonly one: string } {
  const match = /^(kafka:\/\/(?:[^@/?]*@)?)([^/?]+)(.*)$/s.exec(dsn)
  if (match === null) return { hosts: [], one: dsn }
  const hosts = (match[2] ?? '').split(',').map((host) => host.trim())
  return { hosts, one: `${match[1] ?? ''}${hosts[0] ?? ''}${match[3] ?? ''}` }
}

function brokerOf(url: URL): string {
  return `${url.hostname}:${url.port === '' ? PORT : url.port}`
}

function tlsOf(source: AddressSource, url: URL): KafkaAddress['tls'] {
  const asked = url.searchParams.get('tls') ?? 'verify'
  const ca = url.searchParams.get('ca') ?? undefined
  if (asked === 'verify') return verifiedTls(source, { ca })
  if (asked !== 'off') throw badAddress(source, 'says neither tls=verify nor tls=off', 'write one')
  if (ca === undefined) return 'off'
  throw badAddress(source, 'says tls=off and names a CA', 'leave out one of the two')
}

function saslOf(source: AddressSource, url: URL, isPrivate: boolean): KafkaSasl | null {
  const username = userOf(source, url)
  const asked = url.searchParams.get('sasl')
  if (username === null) {
    if (asked === null) return null
    throw badAddress(
      source,
      `asks for sasl=${asked} and names no user`,
      `write it like ${RULES.example}`,
    )
  }
  const mechanism = MECHANISMS.find((known) => known === (asked ?? 'scram-sha-512'))
  if (mechanism === undefined) {
    throw badAddress(
      source,
      'asks for a SASL mechanism that is not known',
      `use ${MECHANISMS.join(', ')}`,
    )
  }
  const password = passwordOf(source, url)
  if (password === undefined) {
    throw badAddress(
      source,
      'names a user and no password',
      'add it, or passwordEnv in engines.yaml',
    )
  }
  if (mechanism === 'plain' && !isPrivate) {
    throw badAddress(
      source,
      'would send the password in the clear: sasl=plain with tls=off',
      'leave tls=off out, or use scram-sha-512',
    )
  }
  return { mechanism, username, password }
}
