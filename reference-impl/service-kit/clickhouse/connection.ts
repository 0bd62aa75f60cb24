/** Connections to ClickHouse over HTTP. In: an address. Out: a client that never prints what it sends. */
import { rootCertificates } from 'node:tls'
import {
  ClickHouseLogLevel,
  createClient,
  type ClickHouseClient,
  type ClickHouseClientConfigOptions,
} from '@clickhouse/client'
import type { ClickHouseAddress } from '../../../src/engines/engine.ts'

export interface ClientOptions {
  readonly name: string
  readonly connections: number
  readonly timeoutMs: number
}

export function openClient(address: ClickHouseAddress, options: ClientOptions): ClickHouseClient {
  return createClient({
    url: address.url,
    database: address.database,
    username: address.user,
    ...(address.password === undefined ? {} : { password: address.password }),
    application: `headroom ${options.name}`,
    max_open_connections: options.connections,
    request_timeout: options.timeoutMs,
    compression: { request: false, response: false },
    // Failures are outcomes here; the client's own log would repeat every one of them.
    log: { level: ClickHouseLogLevel.OFF },
    ...tlsOf(address),
  })
}

/** The client verifies always; here it is told against what, and what to show. */
function tlsOf({ tls }: ClickHouseAddress): Pick<ClickHouseClientConfigOptions, 'tls'> {
  if (tls === undefined || (tls.ca === null && tls.client === null)) return {}
  const caCert = Buffer.from(tls.ca ?? rootCertificates.join('\n'))
  if (tls.client === null) return { tls: { ca_cert: caCert } }
  const { certificate, key } = tls.client
  return { tls: { ca_cert: caCert, cert: Buffer.from(certificate), key: Buffer.from(key) } }
}
