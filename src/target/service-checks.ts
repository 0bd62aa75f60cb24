/**
 * What of a service target is wrong though its file is right. In: the target, and the world around it. Out: nothing, or an
 * error before the first event is sent.
 */
import { connect } from 'node:net'
import type { ObservedServer } from '../engines/engine.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { ServiceTarget } from './service-target.ts'
import { placeOfField } from './target-source.ts'

const CONNECT_TIMEOUT_MS = 1_000

/**
 * Who answers already would be measured in place of the command, which could not take the port.
 * @throws HeadroomError PORT_TAKEN
 */
export async function refuseStranger(target: ServiceTarget, signal: AbortSignal): Promise<void> {
  const { process, url } = target
  if (process === undefined || !('command' in process)) return
  if (!(await isTaken(new URL(url)))) return
  signal.throwIfAborted()
  throw new HeadroomError(
    'PORT_TAKEN',
    `something answers at ${url} before the command of ${target.name} was started`,
    {
      hint: `end it, or let url and process.command name another port; to measure what runs there, take process.command away (${placeOfField(target, ['process'])})`,
    },
  )
}

function isTaken({ hostname, port, protocol }: URL): Promise<boolean> {
  const usual = protocol === 'https:' ? 443 : 80
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? usual : Number(port),
      timeout: CONNECT_TIMEOUT_MS,
    })
    const end = (taken: boolean) => (): void => {
      socket.destroy()
      resolve(taken)
    }
    socket.once('connect', end(true))
    socket.once('error', end(false))
    socket.once('timeout', end(false))
  })
}

/** Looked at once the service is up: it may make its tables itself. @throws HeadroomError BAD_INPUT */
export async function requireTables(
  target: ServiceTarget,
  engines: readonly { readonly role: string; readonly engine: ObservedServer }[],
  signal: AbortSignal,
): Promise<void> {
  for (const { role, engine } of engines) {
    const missing = await engine.missingTables(signal)
    if (missing.length === 0) continue
    const path = ['engines', role, 'tables']
    throw new HeadroomError(
      'BAD_INPUT',
      `${placeOfField(target, path)} ${path.join('.')}: there is no table ${missing.join(', ')} on its ${engine.kind}, or this user may not see it`,
      { hint: 'name a table of another schema or database as name.table, or leave it out' },
    )
  }
}

/** A question to append: a server that wants TLS hangs up on a plain request, or answers in bytes that are no HTTP. */
export function maybeTls({ protocol }: URL, error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  const hungUp = typeof code === 'string' && /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|HPE_)/.test(code)
  const noHttp = typeof message === 'string' && message.includes('does not match the HTTP')
  return protocol === 'http:' && (hungUp || noHttp) ? '; does it want https?' : ''
}
