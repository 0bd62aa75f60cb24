/**
 * The harness's own requests to ClickHouse over HTTP. In: an address and SQL. Out: text, or a stream of it, or an error
 * in the user's words. User and password travel in headers, never in an address, a message or a log.
 */
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Agent } from 'undici'
import { tlsClientOptions } from '../../kit/tls.ts'
import type { ClickHouseAddress } from '../engine.ts'
import { refusal, requestError } from './request-error.ts'

const CONNECT_TIMEOUT_MS = 5_000

export { ClickHouseError } from './request-error.ts'

export interface QueryOptions {
  readonly signal: AbortSignal
  /** Query settings, sent as URL parameters. */
  readonly settings?: Readonly<Record<string, string>>
  /** Values of `{name:Type}` in the SQL. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Rows to insert, behind an INSERT … FORMAT statement. */
  readonly body?: AsyncIterable<Buffer>
  /** Database to work in; the address's own where absent. */
  readonly database?: string
}

export class ClickHouseHttp implements AsyncDisposable {
  readonly #address: ClickHouseAddress
  readonly #agent: Agent

  constructor(address: ClickHouseAddress) {
    this.#address = address
    this.#agent = new Agent({
      connections: 8,
      connect: {
        timeout: CONNECT_TIMEOUT_MS,
        ...(address.tls === undefined ? {} : tlsClientOptions(address.tls)),
      },
      // Below any server's own idle timeout (3 s in ClickHouse Cloud), so that we never meet a closed socket.
      keepAliveTimeout: 2_500,
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** The whole answer. @throws ClickHouseError, HeadroomError ENGINE_UNREACHABLE, ENGINE_TLS_FAILED, ENGINE_AUTH_FAILED */
  async text(sql: string, options: QueryOptions): Promise<string> {
    const response = await this.#send(sql, options)
    return (await response.body.text()).trimEnd()
  }

  /** Rows of the answer, columns as text. */
  async rows(sql: string, options: QueryOptions): Promise<readonly (readonly string[])[]> {
    const text = await this.text(`${sql} FORMAT TabSeparatedRaw`, options)
    return text === '' ? [] : text.split('\n').map((line) => line.split('\t'))
  }

  /** The answer as it comes; a server that fails half way breaks the stream. */
  async stream(sql: string, options: QueryOptions): Promise<Readable> {
    return (await this.#send(sql, options)).body
  }

  /** Destroys what is still in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }

  async #send(sql: string, options: QueryOptions): Promise<Dispatcher.ResponseData> {
    const url = new URL(this.#address.url)
    const parameters = Object.entries(options.parameters ?? {})
    const query = new URLSearchParams([
      ...Object.entries(options.settings ?? {}),
      ...parameters.map(([name, value]): [string, string] => [`param_${name}`, value]),
      ...(options.body === undefined ? [] : [['query', sql] as [string, string]]),
    ])
    const request: Dispatcher.RequestOptions = {
      origin: url.origin,
      path: `${url.pathname}?${query.toString()}`,
      method: 'POST',
      headers: this.#headers(options.database),
      body: options.body === undefined ? sql : (options.body as unknown as Readable),
    }
    const response = await this.#request(request, options.signal)
    if (response.statusCode === 200) return response
    throw refusal(response.statusCode, (await response.body.text()).trim(), this.#address)
  }

  #headers(database: string | undefined): Record<string, string> {
    const { user, password } = this.#address
    return {
      'x-clickhouse-user': user,
      ...(password === undefined ? {} : { 'x-clickhouse-key': password }),
      'x-clickhouse-database': database ?? this.#address.database,
    }
  }

  async #request(
    options: Dispatcher.RequestOptions,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#agent.request({ ...options, signal })
    } catch (error) {
      signal.throwIfAborted()
      throw requestError(error, this.#address)
    }
  }
}
